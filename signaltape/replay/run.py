"""A replay from beginning to end."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from infra.warehouse.connection import connect
from infra.warehouse.replays import ReplayCounts, all_signals, counts
from pipeline.replay.aligning import LogEntry
from pipeline.replay.rewriting import Rewriter
from schemas.control import ControlEvent
from schemas.signals import Signal
from schemas.times import iso
from signaltape.client.control import new_event
from signaltape.initialisation import initialise
from signaltape.replay.agents import AGENTS, SIGNAL_PATH, Agents
from signaltape.replay.errors import ReplayCancelled, ReplayFailed
from signaltape.replay.following import SignalFollower
from signaltape.replay.place import ReplayPlace
from signaltape.replay.publishing import HistoryPublisher, Published
from signaltape.replay.record import Claim, ReplayRecord, claimed, in_use
from signaltape.replay.removal import is_taken, remove_replay
from signaltape.replay.request import ReplayRequest
from signaltape.replay.shelf import ModelShelf
from signaltape.replay.sources import Source, open_source
from signaltape.replay.steering import Steering

_SIGNALS_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """Who is told: ``say`` what is being done (a step, or a line of its own), ``progress`` of bars, ``signal`` of each
    signal from the range.
    """

    say: Callable[[str], None] = lambda _: None
    progress: Callable[[dict[str, Any]], None] = lambda _: None
    signal: Callable[[Signal], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayReport:
    """What came of a replay. ``lead_bars``: bars before the range, which the agents' state is made of.

    ``counts``: rows of the range in the replay's tables. ``missing_days``: weekdays in the range without a bar.
    ``active_seconds``: from the first message until the agents had taken everything, their start left out.
    ``notes``: why rows may not be those of then, bit for bit.
    """

    ident: str
    source: str
    lead_bars: int
    bars: int
    counts: ReplayCounts
    missing_days: tuple[str, ...]
    seconds: float
    rate: float
    place: dict[str, str] = field(default_factory=dict)
    active_seconds: float = 0.0
    notes: tuple[str, ...] = ()


def run_replay(
    place: ReplayPlace, request: ReplayRequest, listener: Listener | None = None, *, remove: bool = False
) -> ReplayReport:
    """Replay ``request`` at ``place``; what it made stays there until it is removed, by ``remove`` however it ends.

    1. See that there is something to replay; 2. take the id; 3. make topics, schema, offsets; 4. start the agents;
    5. publish what comes before the range, as fast as it goes, then the range at its speed; 6. wait until the agents
    have taken everything; 7. count; 8. stop the agents, whatever happened before.

    Raises ``ReplayRefused`` before anything is made, ``ReplayCancelled``, ``ReplayFailed``; KeyboardInterrupt cancels.
    """
    told = listener or Listener()
    source = open_source(place.live, request)  # 1.
    shelf = ModelShelf(place.live, place.settings)
    decision = _decision(request, shelf)
    for ref in source.models:
        shelf.find(ref.name, ref.version)
    record = ReplayRecord(
        ident=place.name.ident, request=request.document(), created_at=datetime.now(UTC).isoformat(timespec="seconds")
    )
    if is_taken(place):
        raise in_use(record.ident)
    with _taken(place, record, remove=remove) as claim:  # 2.
        told.say("making topics and tables")
        initialise(place.settings)  # 3.
        rewriter = Rewriter(place.live.topics.partitions, request.symbols or None, decision)
        publisher = HistoryPublisher(place.settings, rewriter, shelf, request.start)
        report = _Replay(place, request, claim, told, publisher).run(source)
        claim.note(state="done", progress=asdict(report.counts) | {"seconds": report.seconds})
    return report


def _decision(request: ReplayRequest, shelf: ModelShelf) -> ControlEvent | None:
    """The activation of a model of the request's own, which has to be there, None without one."""
    if request.model is None:
        return None
    ref = shelf.choose(request.model.name, request.model.version or None)
    return new_event(
        "activate", strategy=request.strategy, model=ref.name, model_version=ref.version,
        effective_from=request.start, reason="replay",
    )  # fmt: skip


@contextmanager
def _taken(place: ReplayPlace, record: ReplayRecord, *, remove: bool) -> Iterator[Claim]:
    """Hold the id, and record how the replay ends if it doesn't reach its end. ``remove``: then remove it."""
    held = False
    try:
        with claimed(place.live, record) as claim:
            held = True
            try:
                yield claim
            except (KeyboardInterrupt, ReplayCancelled) as error:
                claim.note(state="cancelled")
                raise ReplayCancelled(f"replay {record.ident} was cancelled") from error
            except BaseException as error:
                claim.note(state="failed", detail=str(error)[:500])
                raise
    finally:
        if held and remove:
            remove_replay(place)


class _Replay:
    """Steps 4 to 8 of one replay."""

    def __init__(
        self, place: ReplayPlace, request: ReplayRequest, claim: Claim, told: Listener, publisher: HistoryPublisher
    ) -> None:
        self._place, self._request, self._claim, self._told = place, request, claim, told
        self._publisher = publisher
        self._begun = self._first = time.monotonic()

    def run(self, source: Source) -> ReplayReport:
        """See ``run_replay``."""
        with ExitStack() as ends:
            self._told.say(f"starting {', '.join(AGENTS)}")
            agents = ends.enter_context(Agents(self._place))  # 4.
            self._claim.note(guardian=agents.guardian)
            steering = Steering(self._claim, self._request.speed, self._told.say)
            agents.wait_ready(steering.look)
            follower = None
            if self._told.signal is not None:
                follower = SignalFollower(self._place.settings, self._request.start, self._told.signal)
                ends.enter_context(follower)
            self._publish(source, steering, agents)  # 5.
            self._drain(steering, agents)  # 6.
            if follower is not None:
                self._hear_out(follower)
            return self._report(source)  # 7.

    def _publish(self, source: Source, steering: Steering, agents: Agents) -> None:
        self._first = time.monotonic()
        self._publisher.begin()
        entries = iter(source.entries)
        range_begins: list[LogEntry] = []

        def before() -> Iterator[LogEntry]:
            for entry in entries:
                if entry.time >= self._request.start:
                    range_begins.append(entry)
                    return
                yield entry

        def report(done: Published) -> None:
            self._note(done, source.bars, agents)

        self._claim.note(state="lead-in")
        self._told.say("publishing what comes before the range, which the agents' state is made of")
        self._publisher.publish(before(), lambda _: steering.look(), report)
        if self._request.speed != "max" and self._publisher.done.lead:
            self._drain(steering, agents, only=SIGNAL_PATH)
        self._claim.note(state="running")
        self._told.say(f"publishing {source.bars:,} bars from the {source.name} at {self._request.speed}")
        self._publisher.publish(chain(range_begins, entries), steering.wait_for, report)
        report(self._publisher.done)
        if not self._publisher.done.bars:
            raise ReplayFailed(f"the {source.name} gave no bar of the range; is it being written to meanwhile?")

    def _note(self, done: Published, of: int, agents: Agents) -> None:
        progress = {
            "event_time": iso(done.reached),
            "bars": done.bars,
            "of": max(of, done.bars),  # revisions come on top of the bars that they revise
            "lead_bars": done.lead,
            "bars_per_s": round((done.bars + done.lead) / done.seconds) if done.seconds else 0,
            "waiting": agents.behind(),
        }
        self._claim.note(progress=progress)
        self._told.progress(progress)

    def _drain(self, steering: Steering, agents: Agents, only: Collection[str] = ()) -> None:
        self._claim.note(state="draining")
        self._told.say(f"waiting until {' and '.join(only) or 'the agents'} have taken everything")
        agents.drain(steering.look, lambda waiting: self._told.progress({"waiting": waiting}), only=only)

    def _hear_out(self, follower: SignalFollower) -> None:
        with connect(self._place.settings, name="signaltape-replay") as connection:
            made = all_signals(connection)
        follower.wait_for(made, _SIGNALS_S)

    def _report(self, source: Source) -> ReplayReport:
        done, own = self._publisher.done, self._place.settings
        with connect(own, name="signaltape-replay") as connection:
            found = counts(connection, self._request.start, self._request.end)
        now = time.monotonic()
        seconds = now - self._begun
        return ReplayReport(
            ident=self._place.name.ident,
            source=source.name,
            lead_bars=done.lead,
            bars=done.bars,
            counts=found,
            missing_days=tuple(_date(day) for day in self._publisher.missing.days),
            seconds=round(seconds, 2),
            active_seconds=round(now - self._first, 2),
            notes=source.notes,
            rate=round((done.lead + done.bars) / seconds, 1),
            place={
                "topics": f"{own.topics.prefix}*",
                "schema": own.postgres.db_schema,
                "redis": f"{own.topics.prefix}*",
                "folder": str(self._place.folder),
            },
        )


def _date(day: int) -> str:
    return iso(day * 86_400_000_000_000)[:10]
