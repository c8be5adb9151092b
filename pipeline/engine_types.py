"""What goes into the engine and what comes out of it."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.quality.marks import QualityOptions
from schemas.bars import Watermark
from schemas.control import ControlEvent
from schemas.features import FeatureBatch, ReturnBatch
from schemas.fields import BoolArray, F8Array, I8Array, U1Array
from schemas.row_faults import RowFault

#: Column ``status`` of ``StoredRows``: why a row is kept (index = code).
ROW_STATUSES = ("first", "correction", "late", "secondary")
FIRST, CORRECTION, LATE, SECONDARY = range(4)


class UnsupportedMessage(Exception):
    """The engine can't apply this message; the caller dead-letters it under ``code``. State is unchanged."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class LookupMissing(Exception):
    """A row lies before what the engine remembers, and the caller gave no result of its look-up."""


class SnapshotRefused(Exception):
    """A snapshot doesn't fit this engine: other code, other sets, another partition."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineConfig:
    """Identity and choices of one partition's engine.

    ``horizons`` in bars, ascending, below ``ring``. ``ring``: raw bars kept per symbol and interval.
    ``primary_source``: the source that makes features for every symbol; None: the first seen for each.
    ``quality``: thresholds of the marks that stored bars carry.
    """

    partition: int
    partitions: int
    feature_sets: tuple[str, ...] = ("core",)
    horizons: tuple[int, ...] = (1, 5, 20)
    ring: int = 64
    primary_source: str | None = None
    quality: QualityOptions = field(default_factory=QualityOptions)

    def __post_init__(self) -> None:
        if not self.horizons or list(self.horizons) != sorted(set(self.horizons)) or self.horizons[0] < 1:
            raise ValueError(f"horizons must be ascending and at least 1, got {self.horizons}")
        if self.horizons[-1] >= self.ring:
            raise ValueError(f"horizon {self.horizons[-1]} needs a ring larger than {self.ring} bars")
        if not 0 <= self.partition < self.partitions:
            raise ValueError(f"partition {self.partition} is not below {self.partitions}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookup:
    """One row of a batch whose fate depends on what is stored: the key to look for, before the batch's offset."""

    row: int
    symbol: str
    interval: str
    event_time: int
    source: str
    revision: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredBar:
    """A stored bar of the key looked for: the one of the same revision, else the one of the highest revision."""

    revision: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StoredRows:
    """Rows of a ``BarBatch`` that are to be kept, in row order.

    ``status`` holds codes of ``ROW_STATUSES``, ``marks`` sums of ``pipeline.quality.marks.BITS`` (None: none at all).
    """

    rows: I8Array
    status: U1Array
    marks: U1Array | None = None


#: Outcomes of a ``StateRepair``; the others than ``APPLIED`` are also reasons of the repair that is asked for anew.
APPLIED, SUPERSEDED, OUT_OF_REACH = "applied", "superseded", "out_of_reach"


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairNeed:
    """Derived rows of (symbol, interval) from ``event_time`` on no longer follow from the stored bars.

    ``reason`` is ``revision``, ``late``, ``late_split``, or what became of the last repair: ``superseded``,
    ``out_of_reach``.
    """

    symbol: str
    interval: str
    event_time: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairOutcome:
    """What became of a ``StateRepair``.

    ``outcome``: applied; superseded (something between its state and its place in the log contradicts the state);
    out_of_reach (the ring doesn't hold every bar between). ``since``: lowest event time that it changes, ns UTC.
    ``restepped``: bars stepped again. ``bars_before``, ``bars_after``: bars that the symbol's state had and has.
    """

    symbol: str
    interval: str
    as_of_offset: int
    last_event_time: int
    since: int
    outcome: str
    restepped: int
    bars_before: int
    bars_after: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Everything that one message of ``bars`` yields, in order; what is empty yields nothing.

    ``stored`` is None for a message without kept bars; ``log_event`` is True for another message than bars that
    belongs in the record of the log. ``faults`` name rows for the dead letters, ``duplicates`` counts rows dropped.
    ``repaired`` says what became of a ``StateRepair``.
    """

    features: tuple[FeatureBatch | Watermark | ControlEvent, ...] = ()
    returns: tuple[ReturnBatch | Watermark, ...] = ()
    stored: StoredRows | None = None
    faults: tuple[RowFault, ...] = ()
    duplicates: int = 0
    repairs: tuple[RepairNeed, ...] = ()
    log_event: bool = False
    repaired: RepairOutcome | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LatestVectors:
    """The newest vector of each warm symbol of one set and interval.

    ``values`` float64 (n, width), 0 where ``valid`` (bool, same shape) is False; times ns UTC, int64 (n,).
    """

    symbols: tuple[str, ...]
    event_time: I8Array
    source_offset: I8Array
    values: F8Array
    valid: BoolArray
    close: F8Array
    available_time: I8Array


def masked(values: F8Array) -> tuple[F8Array, BoolArray]:
    """Split values with NaN (or infinity) for *undefined* into values with 0 there, and the validity mask."""
    valid = np.isfinite(values)
    if valid.all():
        return values, valid
    return np.where(valid, values, 0.0), valid
