"""The figures of a backtest by name: what each is measured in, what it means, where it comes from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.drift.results import Insufficient
from pipeline.trading.metrics import Metrics
from schemas.headers import iso_time

_Found = float | int | Insufficient | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure. ``unit``: ``share`` (0.1 is 10 %), ``share a year``, ``times a year``, ``ratio``, ``currency``,
    ``sessions``, ``positions``, ``bars`` or ``count``; ``get`` takes it, or why there is none, from the metrics.
    ``without``: what is missing where it is None."""

    name: str
    label: str
    unit: str
    about: str
    get: Callable[[Metrics], _Found]
    without: str = ""


def _part(of: str, name: str) -> Callable[[Metrics], _Found]:
    """Attribute ``name`` of the figure ``of``, which may be insufficient."""

    def get(metrics: Metrics) -> _Found:
        whole = getattr(metrics, of)
        found: _Found = whole if isinstance(whole, Insufficient) else getattr(whole, name)
        return found

    return get


FIGURES: tuple[Figure, ...] = (
    Figure(
        name="total_return", label="return", unit="share", about="equity at the end over the capital, less 1",
        get=lambda m: m.total_return,
    ),
    Figure(
        name="annual_return", label="return a year", unit="share a year",
        about="the yearly growth that gives the return in so many sessions", get=lambda m: m.annual_return,
    ),
    Figure(
        name="annual_volatility", label="volatility a year", unit="share a year",
        about="standard deviation of session returns (ddof 1) times the root of the sessions a year",
        get=lambda m: m.annual_volatility,
    ),
    Figure(
        name="sharpe", label="Sharpe ratio", unit="ratio",
        about="yearly mean over volatility of session returns, above a riskless rate of 0",
        get=_part("sharpe", "value"),
    ),
    Figure(
        name="sharpe_error", label="its standard error", unit="ratio",
        about="after Mertens (2002), allowing for skew and fat tails", get=_part("sharpe", "standard_error"),
    ),
    Figure(
        name="sortino", label="Sortino ratio", unit="ratio",
        about="yearly mean over the downside deviation of session returns, against a target of 0",
        get=lambda m: m.sortino,
    ),
    Figure(
        name="max_drawdown", label="max drawdown", unit="share",
        about="deepest fall of the equity below an earlier peak, bar by bar", get=_part("drawdown", "depth"),
    ),
    Figure(
        name="max_drawdown_sessions", label="its length", unit="sessions",
        about="from that peak to the recovery, or to the end", get=_part("drawdown", "sessions"),
    ),
    Figure(
        name="longest_drawdown_sessions", label="longest drawdown", unit="sessions",
        about="the longest time below a peak, whatever its depth", get=_part("drawdown", "longest"),
    ),
    Figure(
        name="calmar", label="Calmar ratio", unit="ratio", about="return a year over the max drawdown",
        get=lambda m: m.calmar,
    ),
    Figure(
        name="turnover", label="turnover", unit="times a year", about="bought and sold in a year over the mean equity",
        get=lambda m: m.turnover,
    ),
    Figure(
        name="hit_rate_trades", label="hit rate of trades", unit="share",
        about="closed trades that earned more than their costs", get=_part("hit_rate_trades", "value"),
    ),
    Figure(
        name="hit_rate_sessions", label="hit rate of sessions", unit="share",
        about="sessions that gained, of those whose equity changed", get=_part("hit_rate_sessions", "value"),
    ),
    Figure(
        name="gross_exposure", label="gross exposure", unit="share",
        about="mean size of all positions over the equity, bar by bar", get=_part("exposure", "gross"),
    ),
    Figure(
        name="net_exposure", label="net exposure", unit="share", about="mean of longs less shorts over the equity",
        get=_part("exposure", "net"),
    ),
    Figure(
        name="positions", label="open positions", unit="positions", about="mean number, bar by bar",
        get=_part("exposure", "positions"),
    ),
    Figure(
        name="time_in_market", label="time in the market", unit="share", about="bar times with any position",
        get=_part("exposure", "time_in_market"),
    ),
    Figure(
        name="information_coefficient", label="IC", unit="ratio",
        about="rank correlation of signals' scores with the returns over their horizon, mean over sessions",
        get=_part("coefficient", "value"),
    ),
    Figure(
        name="information_coefficient_error", label="its standard error", unit="ratio",
        about="allowing for labels that sessions share", get=_part("coefficient", "standard_error"),
    ),
    Figure(name="trades", label="trades", unit="count", about="closed, from flat to flat", get=lambda m: m.trades),
    Figure(
        name="trade_mean", label="mean trade", unit="currency", about="net of costs",
        get=_part("trade_figures", "mean"),
    ),
    Figure(
        name="trade_mean_win", label="mean win", unit="currency", about="of trades with net above 0",
        get=_part("trade_figures", "mean_win"), without="no trade won",
    ),
    Figure(
        name="trade_mean_loss", label="mean loss", unit="currency", about="of the other trades",
        get=_part("trade_figures", "mean_loss"), without="no trade lost",
    ),
    Figure(
        name="trade_best", label="best trade", unit="currency", about="net of costs",
        get=_part("trade_figures", "best"),
    ),
    Figure(
        name="trade_worst", label="worst trade", unit="currency", about="net of costs",
        get=_part("trade_figures", "worst"),
    ),
    Figure(
        name="profit_factor", label="profit factor", unit="ratio", about="what winners made over what the others lost",
        get=_part("trade_figures", "profit_factor"), without="no trade lost",
    ),
    Figure(
        name="trade_bars", label="bars held", unit="bars", about="mean of trades",
        get=_part("trade_figures", "mean_bars"),
    ),
    Figure(
        name="gross_profit", label="profit before costs", unit="currency", about="at the bars' prices, open trades too",
        get=lambda m: m.gross,
    ),
    Figure(
        name="costs", label="costs", unit="currency", about="commission and slippage",
        get=lambda m: m.commission + m.slippage,
    ),
    Figure(
        name="commission", label="commission", unit="currency", about="of every fill", get=lambda m: m.commission,
    ),
    Figure(
        name="slippage", label="slippage", unit="currency", about="fills at worse than the bar's price",
        get=lambda m: m.slippage,
    ),
    Figure(name="traded", label="traded", unit="currency", about="bought and sold", get=lambda m: m.traded),
    Figure(
        name="final_equity", label="equity at the end", unit="currency", about="open positions at the last close",
        get=lambda m: m.equity,
    ),
)  # fmt: skip


def figures_of(metrics: Metrics) -> Iterator[tuple[Figure, float | Insufficient]]:
    """Every figure with its value, or with why there is none."""
    for figure in FIGURES:
        found = figure.get(metrics)
        yield figure, Insufficient(n=0, minimum=1, reason=figure.without) if found is None else found


def as_document(metrics: Metrics) -> dict[str, dict[str, Any]]:
    """The figures by name: ``value`` and ``unit``; where there is none, ``value`` None and the ``reason``, ``n`` and
    ``minimum``. Figures with an interval have its ends ``low`` and ``high`` (95 %), and ``n``."""
    made: dict[str, dict[str, Any]] = {}
    for figure, found in figures_of(metrics):
        said: dict[str, Any] = {"value": None, "unit": figure.unit}
        if isinstance(found, Insufficient):
            said |= {"reason": found.reason, "n": found.n, "minimum": found.minimum}
        else:
            said["value"] = found
        made[figure.name] = said
    _ranges(metrics, made)
    return made


def _ranges(metrics: Metrics, made: dict[str, dict[str, Any]]) -> None:
    sharpe, mean, fall = metrics.sharpe, metrics.coefficient, metrics.drawdown
    if not isinstance(sharpe, Insufficient):
        made["sharpe"] |= {"low": sharpe.low, "high": sharpe.high, "n": sharpe.n}
    if not isinstance(mean, Insufficient):
        made["information_coefficient"] |= {"low": mean.low, "high": mean.high, "n": mean.days}
    for name in ("hit_rate_trades", "hit_rate_sessions"):
        share = getattr(metrics, name)
        if not isinstance(share, Insufficient):
            made[name]["n"] = share.n
    if not isinstance(fall, Insufficient) and fall.depth > 0:
        made["max_drawdown"] |= {
            "peak": moment(fall.peak_time),
            "trough": moment(fall.trough_time),
            "recovered": moment(fall.recovered_time),
        }


def moment(time: int | None) -> str | None:
    """A time in ns UTC as people write it."""
    return None if time is None else iso_time(time)
