"""The end of adding feature sets: the agent at rest, its state with the new sets, and from where on it has them."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from infra.broker.admin import low_high_offsets, set_group_offsets
from infra.broker.reading import read_topic
from infra.build import build_version
from infra.crash_points import reach
from infra.history.starting import finder
from infra.settings import Settings
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.added_sets import AddedSetsWriter, Joined
from infra.warehouse.checkpoints import Checkpoint, KeptSnapshot, take_epoch
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.feature_rounds import SERVICE
from pipeline.added_sets import AdditionRefused
from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig, SnapshotRefused, UnsupportedMessage
from pipeline.stepping import step_with
from schemas.bars import StateRepair
from schemas.codec import decode
from schemas.errors import DecodeError
from schemas.topics import TopicNames
from signaltape.backfill.added_rows import Lane
from signaltape.backfill.errors import BackfillRefused
from signaltape.backfill.log_reading import Stretch, read_log
from signaltape.initialisation import group_of
from signaltape.stopped import when_stopped

_AGAIN = "the rows are there: run the same command again then, it ends in seconds"


@contextmanager
def agent_at_rest(settings: Settings, known: Mapping[int, Checkpoint]) -> Iterator[Mapping[int, Checkpoint]]:
    """While neither a feature agent nor the repair job of a store runs: the checkpoints, each with a new epoch.

    Raises BackfillRefused if one of them does, or if states of the former sets are on their way to the agent.
    """
    topic = TopicNames(settings.topics.prefix).bars
    # Setting the offsets that are the lower bound anyway changes nothing, and fails while the group has members.
    offsets = {(topic, number): (one.snapshot_offset, "") for number, one in known.items()}
    group = group_of(settings, SERVICE)
    when_stopped(lambda: set_group_offsets(settings, group, offsets), f"{SERVICE} ({_AGAIN})", BackfillRefused)
    lock, once = ActiveLock(settings, "repairs"), threading.Event()
    if not lock.acquire(once, waiting=once.set):
        raise BackfillRefused(f"`signaltape run store` works off repairs with the former sets: stop it; {_AGAIN}")
    try:
        with Warehouse(settings, "signaltape-backfill-epochs") as warehouse:
            taken = {number: take_epoch(warehouse.connection, SERVICE, topic, number) for number in sorted(known)}
        _refuse_states_under_way(settings, topic, taken)
        yield taken
        lock.check()
    finally:
        lock.release()


def join(settings: Settings, writer: AddedSetsWriter, lanes: Sequence[tuple[Lane, Checkpoint, EngineConfig]]) -> None:
    """Steps 6 and 7 of ``add_sets``: each lane with its partition's checkpoint, and what the agent has computed so far.

    Raises BackfillRefused if the log doesn't give the state that the agent has.
    """
    ends = low_high_offsets(settings, TopicNames(settings.topics.prefix).bars)
    joined = []
    for lane, taken, former in lanes:
        try:
            snapshot = lane.sets.join(_followed(settings, writer.connection, taken, former))
        except (AdditionRefused, SnapshotRefused) as refusal:
            raise BackfillRefused(
                f"{taken.topic}[{taken.partition}]: {refusal}. The agent's state was made under other settings or by"
                " another release or kind of machine, or the log is not whole: the set can't be added to this log"
            ) from refusal
        engine = lane.sets.engine
        kept = KeptSnapshot(
            partition=taken.partition,
            source_offset=taken.effect_offset,
            event_time=engine.event_time,
            code_hash=engine.code_hash,
            sets_hash=engine.sets_hash,
            generation=taken.generation,
            snapshot=snapshot,
        )
        joined.append(Joined(taken=taken, kept=kept, high=ends[taken.partition][1]))
    reach("sets.6_compared")
    writer.join(joined, lanes[0][0].sets.added, build_version())


def _followed(settings: Settings, connection: Connection, taken: Checkpoint, config: EngineConfig) -> PartitionEngine:
    """Return the agent's own engine behind every message that has its effects."""
    fresh = taken.snapshot is None
    engine = PartitionEngine(config) if taken.snapshot is None else PartitionEngine.restore(config, taken.snapshot)
    start = 0 if fresh else taken.snapshot_offset
    stretch = Stretch(start=start, end=taken.effect_offset, generation=taken.first_generation)
    find = finder(connection, taken.first_generation)
    for _, offset, message in read_log(settings, {taken.partition: stretch}):
        with suppress(UnsupportedMessage):
            step_with(engine, message, offset, find)
    return engine


def _refuse_states_under_way(settings: Settings, topic: str, taken: Mapping[int, Checkpoint]) -> None:
    starts = {number: one.effect_offset for number, one in taken.items()}
    for record in read_topic(settings, topic, from_offsets=starts):
        try:
            message = decode(record.value)
        except DecodeError:
            continue
        if isinstance(message, StateRepair):
            raise BackfillRefused(
                f"{topic}[{record.partition}] has a state of {message.symbol} at offset {record.offset} that the agent"
                " has not taken, made for the former sets: start `signaltape run features` with these once more, stop"
                f" it when it has caught up; {_AGAIN}"
            )
