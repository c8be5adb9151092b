"""The feature agent's handler: what happens to a round of bars, in which order, and why nothing is lost or doubled."""

import time
from collections.abc import Mapping, Sequence

import structlog

from consumers.feature_agent.effects import EffectThread
from consumers.feature_agent.lane import Lane, Works, count_bars, decoded
from consumers.feature_agent.publication import Publication
from consumers.feature_agent.takeover import Takeover
from consumers.feature_agent.work import Effects, PartitionWork
from consumers.shell import Committer, Patience, Round
from consumers.shell.handler import TopicPartition
from infra.crash_points import reach
from infra.settings import Settings
from infra.telemetry.metrics import FEATURE_AGE, ROUND_SECONDS, STAGE_LATENCY, SYMBOLS
from pipeline.engine_types import Lookup, StoredBar
from pipeline.symbol_states import STATES, count_states, newest_vectors
from schemas.intervals import SECOND
from schemas.topics import TopicNames

_log = structlog.get_logger()
#: How often what Redis missed is offered to it again.
_REPAIR_EVERY_S = 1.0
_COUNT_EVERY_S = 1.0


class FeatureAgent:
    """Handles rounds of ``bars``; each partition in offset order.

    1. Decode and validate. A message that can't be taken goes to the dead letters, acknowledged, before anything
       else of the round leaves this process. (What only the engine can tell, such as a feed that isn't open, is known
       after 2; until then nothing has left either.)
    2. Step the engine: feature vectors and matured returns, linked into their chains.
    3. Publish them and wait for the acknowledgements; a failed send ends the process before anything later is sent.
    4. One transaction: rows and ``effect_offset``, under the epoch taken at assignment.
    5. Redis: the newest vectors.
    6. From time to time: a snapshot of the engine into the checkpoint, then the group's offset in Kafka.

    7. Where a partition is seen to end beyond its last message (a feed has written it in transactions), 4 and 6 follow
       it there. Else what is kept would point at what expires in a quiet time, and a start would have to take that for
       a loss.

    Steps 4 to 6 run in a second thread and may overlap 1 to 3 of the next rounds, up to a bound: in their order, and
    those of rounds that wait together in one transaction.

    After a crash the successor starts from the snapshot: messages below ``snapshot_offset`` are ignored, those below
    ``effect_offset`` advance the state only, the others do everything again. Publishing again what was published is
    harmless because the chain's readers drop what they have taken; so 3 must come before 4, and 4 before 6.
    """

    def __init__(self, settings: Settings, committer: Committer, patience: Patience, client_id: str) -> None:
        self._options = settings.features
        self._topic = TopicNames(settings.topics.prefix).bars
        self._takeover = Takeover(settings, patience)
        self.publication = Publication(settings, client_id)
        self.effects = EffectThread(settings, self._topic, committer, patience)
        self._lanes: dict[int, Lane] = {}
        self._owed: set[int] = set()
        self._snapshot_at: dict[int, float] = {}
        self._repair_at = 0.0
        self._count_at = 0.0

    def open(self, partition: TopicPartition) -> int:
        """Take a partition over; return its ``snapshot_offset``."""
        lane = self._takeover.take(partition[1])
        self._lanes[partition[1]] = lane
        self._owed.add(partition[1])
        self._snapshot_at[partition[1]] = time.monotonic() + self._options.snapshot_s
        return lane.snapshot_offset

    def close(self, partition: TopicPartition) -> None:
        """Forget a partition."""
        self._lanes.pop(partition[1], None)
        self._owed.discard(partition[1])
        self.effects.forget(partition[1])

    def handle(self, messages: Round) -> None:
        """Do steps 1 to 3, then hand over 4 to 6."""
        started = time.monotonic()
        works: Works = {}
        inputs = [
            (self._lanes[partition], [(record, decoded(record)) for record in records])
            for (_, partition), records in messages.items()
        ]
        reach("features.1_decoded")

        def find(lane: Lane, lookups: Sequence[Lookup], offset: int) -> Mapping[int, StoredBar | None]:
            self._complete(works)
            works.clear()
            self.effects.settle()
            return self._takeover.find(lane.taken, lookups, offset)

        for lane, pairs in inputs:
            for record, message in pairs:
                lane.take(record, message, works, find)
        self._complete(works)
        self._count_symbols(time.monotonic())
        ROUND_SECONDS.labels(service="features").observe(time.monotonic() - started)

    def at_end(self, ends: Mapping[TopicPartition, int]) -> None:
        """Step 7: ``effect_offset`` follows, as after a round that yields nothing; a snapshot comes in its time."""
        works: Works = {}
        for (_, number), end in ends.items():
            self._lanes[number].next_offset = end
            works[number] = PartitionWork(partition=number, next_offset=end)
        self.effects.submit(self._effects(works))

    def idle(self) -> None:
        """Make snapshots that are due, and offer Redis again what it missed. Raises what effects raised."""
        if not self.effects.busy:
            self.effects.settle()
        if not self.effects.busy and (due := self._due()):
            self.effects.submit(Effects(snapshots=tuple(lane.snapshot() for lane in due)))
        now = time.monotonic()
        self._count_symbols(now)
        if now >= self._repair_at and not self.effects.busy:
            self._repair_at = now + _REPAIR_EVERY_S
            self._repair_online()

    def settle(self) -> None:
        """Wait for the effects under way."""
        self.effects.settle()

    def finish(self) -> None:
        """A clean stop: nothing is to be read again."""
        lanes = [lane for lane in self._lanes.values() if lane.caught_up and lane.next_offset > lane.snapshot_offset]
        self.effects.submit(Effects(snapshots=tuple(lane.snapshot() for lane in lanes)))
        self.effects.settle()
        self.effects.close()
        self._takeover.close()

    def _complete(self, works: Works) -> None:
        """Publish what the round has yielded so far and hand the rest over."""
        if not works:
            return
        self.publication.bury(works.values())
        reach("features.2_stepped")
        self.leave(works)

    def leave(self, works: Works) -> None:
        """Steps 3 to 6, in this order."""
        self.publication.publish(works.values())
        reach("features.3_published")
        _observe(works)
        count_bars(works)
        self.effects.submit(self._effects(works))

    def _effects(self, works: Mapping[int, PartitionWork]) -> Effects:
        rounds = tuple(work.round(self._lanes[number].taken) for number, work in works.items())
        return Effects(rounds=rounds, snapshots=tuple(lane.snapshot() for lane in self._due()))

    def _due(self) -> list[Lane]:
        """Return the lanes whose snapshot is due; their clocks start anew."""
        now, due = time.monotonic(), []
        for number, lane in self._lanes.items():
            behind = lane.next_offset - lane.snapshot_offset
            if not behind or not lane.caught_up:
                continue
            if behind >= self._options.snapshot_messages or now >= self._snapshot_at[number]:
                self._snapshot_at[number] = now + self._options.snapshot_s
                due.append(lane)
        return due

    def _count_symbols(self, now: float) -> None:
        """Set the gauges of symbols by state and of the features' age, once a second at most."""
        if now < self._count_at:
            return
        self._count_at = now + _COUNT_EVERY_S
        counts = [count_states(lane.engine) for lane in self._lanes.values()]
        for state in STATES:
            SYMBOLS.labels(state=state).set(sum(one[state] for one in counts))
        newest: dict[tuple[str, str], int] = {}
        for lane in self._lanes.values():
            for place, event_time in newest_vectors(lane.engine).items():
                newest[place] = max(event_time, newest.get(place, 0))
        FEATURE_AGE.clear()  # partitions that were given away take their ages along
        for (feature_set, interval), event_time in newest.items():
            age = time.time() - event_time / SECOND
            FEATURE_AGE.labels(feature_set=feature_set, interval=interval).set(age)

    def _repair_online(self) -> None:
        """Write every current vector of partitions that were just opened or are marked stale."""
        self._owed |= self.effects.stale & self._lanes.keys()
        ready = [number for number in self._owed if self._lanes[number].caught_up]
        if ready:
            vectors = [one for number in ready for one in self._lanes[number].current_vectors()]
            self._owed.difference_update(ready)
            self.effects.submit(Effects(vectors=tuple(vectors), repaired=frozenset(ready)))


def _observe(works: Mapping[int, PartitionWork]) -> None:
    now = time.time()
    for work in works.values():
        if work.features:
            STAGE_LATENCY.labels(stage="features").observe(max(now - work.features[0][0].timestamp_ms / 1_000, 0.0))
