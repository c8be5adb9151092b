"""Feature sets added to a log under way: rows for what was processed without them, and a state to go on from."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from infra.broker.admin import check_partitions
from infra.crash_points import reach
from infra.engine_choice import engine_config
from infra.settings import Settings
from infra.warehouse.added_sets import AddedSetsWriter, known_sets, open_loads, refuse_other_sets
from infra.warehouse.checkpoints import Checkpoint, read_checkpoints
from infra.warehouse.connection import Connection
from infra.warehouse.feature_rounds import SERVICE, register_feature_sets
from infra.warehouse.stored_log import generation_starts
from pipeline.added_sets import AddedSets
from pipeline.features import FEATURE_SETS, FeatureSet
from schemas.topics import TopicNames
from signaltape.backfill.added_rows import AddedRows, Lane
from signaltape.backfill.errors import BackfillRefused
from signaltape.backfill.joining import agent_at_rest, join
from signaltape.backfill.retelling import Retelling

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedSetsReport:
    """What became the agent's. ``rows``, ``messages``: written and stepped by this process; ``resumed``: before it.

    ``done_before``: the agent has every set of the settings already.
    """

    sets: tuple[str, ...]
    rows: int
    messages: int
    resumed: int
    seconds: float
    done_before: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _New:
    """``added``: sets without rows yet. ``former``: names of those that the agent computes, in the settings' order."""

    added: tuple[FeatureSet, ...]
    former: tuple[str, ...]
    checkpoints: Mapping[int, Checkpoint]


def add_sets(
    settings: Settings, *, chunk: int = 20_000, keep_every_s: float = 10.0, progress: Progress = lambda *_: None
) -> AddedSetsReport:
    """Give the feature agent the sets that the settings name beside those that it computed so far.

    1. One backfill at a time on a database. What isn't an addition to the sets is refused, and a load that has not
       entered the log; where there is nothing to add, this is the end.
    2. Write down what the new sets mean.
    3. Step the log from its first message through an engine with all sets, up to where the agent has stored it; write
       the new sets' rows in bulk, under the revisions that they would have had (`AddedRows`). The agent may run.
    4. Now it must not: its group has no members, and the repair job's lock is ours (`agent_at_rest`).
    5. Take the epoch of every partition: what an agent that is frozen has under way is undone. Step the rest.
    6. Follow the agent's engine from its snapshot to the same place. The new state must be its state, bit for bit,
       wherever both have something.
    7. One transaction: the agent's snapshots become the new states, behind everything that has its effects, and it is
       noted from where on the agent has the sets.

    Dead in 3: the next call goes on from the last state that was kept; rows that it writes again are there. Dead in 4
    to 6: nothing has changed but the epoch; the agent may go on with its former sets, and the next call steps what it
    took meanwhile. From 7 on the agent starts with the new sets only. Raises BackfillRefused, SetsDiffer, StaleEpoch.
    """
    check_partitions(settings)
    topic = TopicNames(settings.topics.prefix).bars
    writer = AddedSetsWriter(settings, topic)
    begun = time.perf_counter()
    try:
        writer.lock()
        new = _what_is_new(settings, writer.connection, topic)
        names = tuple(one.name for one in new.added)
        if not names:
            return AddedSetsReport(sets=(), rows=0, messages=0, resumed=0, seconds=0.0, done_before=True)
        register_feature_sets(writer.connection, new.added)
        lanes = {number: _lane(settings, writer, one, new.added) for number, one in new.checkpoints.items()}
        work = AddedRows(settings=settings, writer=writer, lanes=lanes, chunk=chunk, keep_every_s=keep_every_s)
        resumed = sum(lane.next_offset for lane in lanes.values())
        _load(work, new.checkpoints, progress)
        with agent_at_rest(settings, new.checkpoints) as taken:
            reach("sets.5_taken")
            _load(work, taken, progress)
            former = {n: replace(engine_config(settings, n), feature_sets=new.former) for n in lanes}
            join(settings, writer, [(lanes[n], taken[n], former[n]) for n in lanes])
        reach("sets.7_joined")
        seconds = time.perf_counter() - begun
        return AddedSetsReport(
            sets=names, rows=work.rows, messages=work.messages, resumed=resumed, seconds=seconds, done_before=False
        )
    finally:
        writer.close()


def _what_is_new(settings: Settings, connection: Connection, topic: str) -> _New:
    wanted = [FEATURE_SETS[name] for name in settings.engine.feature_sets]
    known = known_sets(connection, topic)
    if not known:
        raise BackfillRefused(
            "no feature agent has taken this log yet: there is nothing to be added to. Start `signaltape run features`"
        )
    added = tuple(one for one in wanted if any((one.name, one.version) not in sets for sets in known.values()))
    for sets in known.values():
        refuse_other_sets(sets, [one for one in wanted if one not in added])
    if added and (open_runs := open_loads(connection)):
        raise BackfillRefused(f"the load {open_runs[0]!r} has not entered the log: finish it first, by its own command")
    checkpoints = read_checkpoints(connection, SERVICE, topic)
    return _New(
        added=added,
        former=tuple(one.name for one in wanted if one not in added),
        checkpoints={number: checkpoints[number] for number in known},
    )


def _lane(settings: Settings, writer: AddedSetsWriter, known: Checkpoint, added: tuple[FeatureSet, ...]) -> Lane:
    """Where a partition goes on, or begins."""
    number, first = known.partition, known.first_generation
    names, config = tuple(one.name for one in added), engine_config(settings, number)
    fresh = AddedSets(config, names)
    kept = writer.progress(number, fresh.engine.code_hash, first)
    sets = fresh if kept is None else AddedSets(config, names, kept.state)
    return Lane(
        partition=number,
        first_generation=first,
        generations=generation_starts(writer.connection, number, first) if known.generation > first else [],
        sets=sets,
        retelling=Retelling(settings=settings, partition=number, first_generation=first, sets=sets.added),
        next_offset=0 if kept is None else kept.next_offset,
    )


def _load(work: AddedRows, ends: Mapping[int, Checkpoint], progress: Progress) -> None:
    offsets = {number: one.effect_offset for number, one in ends.items()}
    total = sum(max(0, offsets[number] - lane.next_offset) for number, lane in work.lanes.items())
    work.load(offsets, lambda count: progress("messages", count, total))
