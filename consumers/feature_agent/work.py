"""What a round of messages has yielded and what still has to be done with it."""

from dataclasses import dataclass, field

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
    """Steps 4 to 6 of a round. ``repaired``: partitions of which ``vectors`` holds every current vector."""

    rounds: tuple[PartitionRound, ...] = ()
    vectors: tuple[Vectors, ...] = ()
    repaired: frozenset[int] = frozenset()
    snapshots: tuple[Snapshot, ...] = ()
