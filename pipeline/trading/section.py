"""What one bar time brings to a simulation."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.bars import Adjustment, BarBatch
from schemas.signal_columns import SignalColumns


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Section:
    """The cross-section of all partitions at one bar time (ns UTC), in any order of batches and symbols.

    ``bars``: first bars only (no corrections), each symbol once, all of one interval, closing at ``event_time``.
    ``splits``: those that became known since the section before; each waits for its symbol's first bar past its
    effective time. ``signals``: what was decided on these bars; they trade at later ones only.
    """

    event_time: int
    bars: tuple[BarBatch, ...]
    splits: tuple[Adjustment, ...] = ()
    signals: Sequence[SignalColumns] = ()
