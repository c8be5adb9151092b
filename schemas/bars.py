"""Messages of ``bars``, the log of record: bars, watermarks, splits, repairs. (Control events: ``control.py``.)"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from schemas.fields import BoolArray, F8Array, I8Array, Wire, column
from schemas.link import Link

#: States of a feed, in the order in which a feed passes through them.
FEED_STATES = ("open", "advance", "final", "timed_out")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BarBatch:
    """A cross-section: the bars of n ≥ 1 symbols that close at one time.

    Prices are in the instrument's currency, volume in units of the instrument; ``volume_valid`` is False where the
    source gives no volume (the value there is 0 and means nothing). Times are ns UTC. ``revision`` 0 is the first
    publication of a bar; a higher one corrects it. ``available_time`` is when the world could know the rows.
    """

    TYPE: ClassVar[str] = "BarBatch"

    feed: str
    source: str
    interval: str
    event_time: int
    available_time: int
    revision: int = 0
    symbols: tuple[str, ...]
    open: F8Array = column(Wire.F8)
    high: F8Array = column(Wire.F8)
    low: F8Array = column(Wire.F8)
    close: F8Array = column(Wire.F8)
    volume: F8Array = column(Wire.F8)
    volume_valid: BoolArray = column(Wire.BITS)


_COLUMNS = ("open", "high", "low", "close", "volume", "volume_valid")


def rows_of(batch: BarBatch, rows: slice | BoolArray | I8Array) -> BarBatch:
    """Some rows of a batch as a batch of their own: a slice, a mask of shape (n,), or row numbers in their order."""
    columns = {name: getattr(batch, name)[rows] for name in _COLUMNS}
    if isinstance(rows, slice):
        return replace(batch, symbols=batch.symbols[rows], **columns)
    return replace(batch, symbols=tuple(np.array(batch.symbols, dtype=object)[rows].tolist()), **columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watermark:
    """A feed's promise: none of its later bars on this partition has an ``event_time`` at or below this one.

    ``state`` is one of ``FEED_STATES``. In derived topics the message is forwarded with its ``link`` (``features``,
    ``returns``), with the ``partition_time`` that results for the partition: the minimum over its open feeds,
    None where no feed is open (then nothing is held back). In ``bars`` both are None.
    """

    TYPE: ClassVar[str] = "Watermark"

    feed: str
    event_time: int
    state: str
    link: Link | None = None
    partition_time: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Adjustment:
    """A split: ``factor`` new shares for one old from the first bar with ``event_time`` > ``effective_time`` on."""

    TYPE: ClassVar[str] = "Adjustment"

    feed: str
    source: str
    symbol: str
    factor: float
    effective_time: int
    available_time: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StateRepair:
    """State of one symbol, recomputed from stored bars, that applies at its own offset in the log.

    ``as_of_offset``: the last offset whose messages the state includes, -1 for none. ``last_event_time``: close of
    the symbol's last bar in it. ``state`` is the engine's own form, at most 1 MiB.
    """

    TYPE: ClassVar[str] = "StateRepair"

    symbol: str
    interval: str
    as_of_offset: int
    last_event_time: int
    available_time: int
    state: bytes
