"""What a backtest comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.trading.coefficient import SessionCoefficient
from pipeline.trading.metrics import Metrics, PeriodFigures
from pipeline.trading.results import Positions, SymbolFigures
from signaltape.backtest.request import BacktestRequest
from signaltape.backtest.sampling import EquityCourse


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """How far a backtest is: ``bars`` just taken, ``event_time`` (ns UTC) reached, the ``start`` of the range, and how
    many bars it has (``of``). Bars before the range are its lead-in."""

    bars: int
    event_time: int
    start: int
    of: int


Progress = Callable[[Moved], None]


@dataclass(kw_only=True, slots=True)
class Counts:
    """What went through. ``bars`` of the range; ``lead_in`` before it. ``behind``: bars that came too late to trade."""

    lead_in: int = 0
    bars: int = 0
    bar_times: int = 0
    predictions: int = 0
    signals: int = 0
    fills: int = 0
    symbols: int = 0
    behind: int = 0
    missing: int = 0
    gapped_symbols: int = 0
    refused: int = 0
    cut: int = 0
    limited_away: int = 0
    unpriced: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """What came out; the files lie in ``folder``. ``seconds``: wall time from the first message to the last.

    ``metrics`` hold a number or why there is none (``Insufficient``). ``sessions`` and ``months``: figures of each
    day and month, ``by_symbol`` of each symbol that traded. ``coefficients``: the IC of each session. ``course``: the
    equity at a few hundred points, to draw it; every bar's is in ``equity.parquet``.
    """

    request: BacktestRequest
    folder: Path
    interval: str
    start: int
    end: int
    begins: dict[int, str]
    model: str
    notes: tuple[str, ...]
    counts: Counts
    metrics: Metrics
    sessions: PeriodFigures
    months: PeriodFigures
    coefficients: tuple[SessionCoefficient, ...]
    course: EquityCourse
    positions: Positions
    by_symbol: SymbolFigures
    seconds: float
