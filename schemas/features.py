"""Messages that the feature agent derives from bars: feature vectors and matured returns."""

from dataclasses import dataclass
from typing import ClassVar

from schemas.fields import BoolArray, F8Array, I8Array, Wire, column
from schemas.link import Link

#: Why a derived row exists: the bar's first publication, or a later correction.
KINDS = ("live", "correction")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureBatch:
    """Feature vectors of one set for the n ≥ 0 warm symbols of one cross-section.

    ``values`` has shape (n, width), one column per feature in the set's order; ``valid`` is False where a feature
    is undefined (its value is 0 there and means nothing). ``close`` is the bar's close. ``available_time`` is, per
    row, the maximum over all the symbol's inputs so far.
    """

    TYPE: ClassVar[str] = "FeatureBatch"

    link: Link
    feature_set: str
    set_version: int
    set_hash: str
    width: int
    interval: str
    event_time: int
    kind: str
    symbols: tuple[str, ...]
    values: F8Array = column(Wire.F8X, width="width")
    valid: BoolArray = column(Wire.BITSX, width="width")
    close: F8Array = column(Wire.F8)
    available_time: I8Array = column(Wire.I8)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ReturnBatch:
    """Log returns over ``horizon`` bars that matured with the bars closing at ``event_time``.

    With gaps, one closing bar matures different prediction bars per symbol: hence the column ``prediction_time``.
    """

    TYPE: ClassVar[str] = "ReturnBatch"

    link: Link
    interval: str
    horizon: int
    event_time: int
    available_time: int
    kind: str
    symbols: tuple[str, ...]
    prediction_time: I8Array = column(Wire.I8)
    log_return: F8Array = column(Wire.F8)
