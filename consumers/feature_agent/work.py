"""What a round of messages has yielded and what still has to be done with it."""

from collections import deque
from dataclasses import dataclass, field, replace

from infra.broker.reading import Record
from infra.warehouse.checkpoints import Checkpoint
from infra.warehouse.feature_rounds import PartitionRound
from pipeline.engine_types import LatestVectors, RepairNeed, StoredRows
from schemas.bars import BarBatch, Watermark
from schemas.control import ControlEvent
from schemas.features import FeatureBatch, ReturnBatch
from schemas.row_faults import RowFault


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DeadLetter:
    """A message that can't be taken, or, with ``faults``, some rows of it."""

    record: Record
    code: str
    detail: str
    faults: tuple[RowFault, ...] = ()


@dataclass(kw_only=True, slots=True, eq=False)
class PartitionWork:
    """What the messages of one partition yielded, in offset order. ``next_offset``: behind the last of them.

    ``features`` and ``returns`` keep each derived message beside the record that it came from.
    """

    partition: int
    next_offset: int = 0
    letters: list[DeadLetter] = field(default_factory=list)
    features: list[tuple[Record, FeatureBatch | Watermark | ControlEvent]] = field(default_factory=list)
    returns: list[tuple[Record, ReturnBatch | Watermark]] = field(default_factory=list)
    bars: list[tuple[BarBatch, int, StoredRows]] = field(default_factory=list)
    log_events: list[tuple[int, str, int, bytes]] = field(default_factory=list)
    repairs: list[tuple[int, RepairNeed]] = field(default_factory=list)
    duplicates: int = 0

    def round(self, taken: Checkpoint) -> PartitionRound:
        """Return what is to be stored, under the epoch that was taken at assignment."""
        return PartitionRound(
            partition=self.partition,
            epoch=taken.epoch,
            generation=taken.generation,
            next_offset=self.next_offset,
            bars=self.bars,
            log_events=self.log_events,
            features=[part for _, part in self.features if isinstance(part, FeatureBatch)],
            returns=[part for _, part in self.returns if isinstance(part, ReturnBatch)],
            repairs=self.repairs,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Vectors:
    """Newest vectors of one set and interval on one partition, for the online store."""

    partition: int
    feature_set: str
    set_version: int
    interval: str
    vectors: LatestVectors


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Snapshot:
    """State of a partition's engine before ``offset``, to be made durable; ``keep``: also for cold starts."""

    taken: Checkpoint
    offset: int
    event_time: int
    code_hash: str
    sets_hash: str
    state: bytes
    keep: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Effects:
    """Steps 4 to 6 of a round; ``vectors`` are those that it doesn't hold itself.

    ``repaired``: partitions of which ``vectors`` holds every current vector. ``together``: how many were submitted.
    """

    rounds: tuple[PartitionRound, ...] = ()
    vectors: tuple[Vectors, ...] = ()
    repaired: frozenset[int] = frozenset()
    snapshots: tuple[Snapshot, ...] = ()
    together: int = 1

    @property
    def bars(self) -> int:
        """Bars to be stored."""
        return sum(kept.rows.shape[0] for one in self.rounds for _, _, kept in one.bars)


def together(waiting: deque[Effects]) -> Effects:
    """Take the first effects, and those of the rounds behind them up to the next snapshot or repair of Redis."""
    taken = [waiting.popleft()]
    while waiting and not (taken[-1].snapshots or taken[-1].vectors or waiting[0].vectors):
        taken.append(waiting.popleft())
    if len(taken) == 1:
        return taken[0]
    rounds: dict[int, list[PartitionRound]] = {}
    for one in (one for effects in taken for one in effects.rounds):
        rounds.setdefault(one.partition, []).append(one)
    joined = tuple(map(_joined, rounds.values()))
    return Effects(rounds=joined, snapshots=taken[-1].snapshots, together=len(taken))


def _joined(rounds: list[PartitionRound]) -> PartitionRound:
    """Return the rounds of one partition under one epoch, in their order, as one."""
    if len(rounds) == 1:
        return rounds[0]
    return replace(
        rounds[-1],
        bars=[part for one in rounds for part in one.bars],
        log_events=[event for one in rounds for event in one.log_events],
        features=[part for one in rounds for part in one.features],
        returns=[part for one in rounds for part in one.returns],
        repairs=[need for one in rounds for need in one.repairs],
    )
