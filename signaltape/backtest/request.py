"""What is to be simulated."""

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.drift.sharpe import DAYS_A_YEAR
from pipeline.trading.options import TradingOptions
from producers.bar_source import BarFile
from schemas.intervals import INTERVALS
from schemas.times import iso
from signaltape.backtest.errors import BacktestUsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Whose signals: ``model`` is NAME, NAME:VERSION or a folder; None: the models that were live then."""

    model: str | None = None

    @property
    def as_live(self) -> bool:
        """True for the models, decisions and fallbacks of the record."""
        return self.model is None


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestRequest:
    """One backtest. ``start`` and ``end``: closes, ns UTC, both included; None for all that a file holds.

    ``source``: ``store``, ``topic``, or a file. ``interval``: of the bars that are traded; None where only one can be
    meant. ``cold``: begin with the first bar even where a later state is kept. ``keep_signals``: write them down
    too. ``sessions_a_year``: what annual figures are scaled by, 365 for markets that never close. ``out``: folder
    for the results. Raises ValueError for no session a year, BacktestUsageError for a range that ends before it begins
    and for an unknown interval.
    """

    choice: Choice
    out: Path
    start: int | None = None
    end: int | None = None
    source: str | BarFile = "store"
    interval: str | None = None
    cold: bool = False
    keep_signals: bool = True
    sessions_a_year: int = DAYS_A_YEAR
    trading: TradingOptions = field(default_factory=TradingOptions)

    def __post_init__(self) -> None:
        if self.sessions_a_year < 1:
            raise ValueError(f"sessions_a_year {self.sessions_a_year} must be 1 or more")
        if self.interval is not None and self.interval not in INTERVALS:
            raise BacktestUsageError(f"--interval {self.interval!r:.80} is not known; use {', '.join(INTERVALS)}")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise BacktestUsageError(f"--to {iso(self.end)} lies before --from {iso(self.start)}")
