"""The kinds of mark, the bit that each has in column ``quality`` of ``bars``, and the thresholds that make them."""

from dataclasses import dataclass

from pipeline.features.columns import DEPTH

#: Kind → bit. A bit keeps its meaning for ever; a new kind takes the next one.
BITS = {"gap": 1, "spike": 2, "stale": 4, "zero_volume": 8}
GAP, SPIKE, STALE, ZERO_VOLUME = BITS.values()


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityOptions:
    """Thresholds. They decide marks only: state, features and hashes don't depend on them.

    ``spike_z``: a log return is a spike beyond so many robust standard deviations, of which each counts at least
    ``spike_floor`` (a log return: without a floor, any move of a symbol that hardly moves would be one).
    ``stale_bars``: so many bars in a row with one and the same price are stale. ``gap_factor``: bars are missing
    where their number is over so many times the symbol's habit.
    """

    spike_z: float = 10.0
    spike_floor: float = 5e-4
    stale_bars: int = 10
    gap_factor: float = 3.0

    def __post_init__(self) -> None:
        if not (self.spike_z > 0.0 and self.spike_floor > 0.0 and self.gap_factor >= 0.0):
            raise ValueError("spike_z and spike_floor must be above 0, gap_factor at least 0")
        if not 2 <= self.stale_bars < DEPTH:
            raise ValueError(f"stale_bars must lie between 2 and {DEPTH - 1}, got {self.stale_bars}")
