"""The figures of a simulated account."""

from dataclasses import dataclass

from pipeline.drift.coefficient_mean import MeanCoefficient
from pipeline.drift.results import Insufficient
from pipeline.drift.sharpe import Sharpe
from pipeline.trading.drawdown import Drawdown
from pipeline.trading.trade_tally import TradeFigures
from schemas.fields import F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A share in [0, 1] of ``n``."""

    value: float
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """Means over bar times: gross and net exposure as shares of the equity, open positions, and how often any."""

    gross: float
    net: float
    positions: float
    time_in_market: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """Figures over all bar times; a number, or why there is none.

    Amounts are in currency, times ns UTC. Returns are those of session days (equity at the last bar of each against
    the session before, the first against the capital); a year has ``periods`` of them. ``drawdown`` is that of every
    bar's equity, and ``calmar`` is ``annual_return`` over its depth. ``turnover``: bought and sold in a year, over
    the mean equity. ``trades``: closed ones, and ``trade_figures`` are about them. ``hit_rate_trades``: of closed
    trades, those with net above 0; ``hit_rate_sessions``: of sessions whose equity changed, those that gained.
    ``gross``: profit before commission and slippage, of open trades too. ``cut``, ``refused``, ``unpriced`` and
    ``refused_splits``: sums of the steps'.
    ``bankrupt_time``: when the equity fell to 0 or below.
    """

    begin: int | None
    end: int | None
    bar_times: int
    sessions: int
    periods: int
    capital: float
    equity: float
    gross: float
    commission: float
    slippage: float
    traded: float
    trades: int
    trade_figures: TradeFigures | Insufficient
    total_return: float | Insufficient
    annual_return: float | Insufficient
    annual_volatility: float | Insufficient
    sharpe: Sharpe | Insufficient
    sortino: float | Insufficient
    drawdown: Drawdown | Insufficient
    calmar: float | Insufficient
    turnover: float | Insufficient
    hit_rate_trades: Share | Insufficient
    hit_rate_sessions: Share | Insufficient
    exposure: Exposure | Insufficient
    coefficient: MeanCoefficient | Insufficient
    cut: int
    refused: int
    unpriced: int
    refused_splits: tuple[str, ...]
    bankrupt_time: int | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PeriodFigures:
    """n session days or months, oldest first; columns of shape (n,), amounts in currency.

    ``name``: ``2024-01-31`` or ``2024-01``, UTC. ``equity``: at its last bar. ``change``: return against the period
    before. ``costs``, ``traded``: in it. ``trades`` and ``wins``: closed in it.
    """

    name: tuple[str, ...]
    equity: F8Array
    change: F8Array
    costs: F8Array
    traded: F8Array
    trades: I8Array
    wins: I8Array
