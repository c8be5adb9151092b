"""A backtest in a few lines, for the terminal."""

from collections.abc import Iterator

from pipeline.drift.results import Insufficient
from pipeline.trading.metrics import Metrics
from signaltape.backtest.figures import moment
from signaltape.backtest.result import Backtest
from signaltape.backtest.wording import counted, said, title_of

_FILES = ("report.html", "result.json", "equity", "trades", "fills", "positions", "signals")


def summary(found: Backtest) -> str:
    """What was simulated, what takes away from it, the figures, where the files are."""
    counts, metrics = found.counts, found.metrics
    head = (
        f"{title_of(found.model)}: {counted(counts.bars, 'bar')} of {found.interval}, "
        f"{counted(metrics.sessions, 'session')} from {moment(metrics.begin)} to {moment(metrics.end)}"
    )
    made = (
        f"{counted(counts.signals, 'signal')} from {counted(counts.predictions, 'prediction')}; {_limits(found)}"
        f"{counted(len(found.positions), 'position')} open at the end"
    )
    lines = [
        head,
        *(f"  ! {note}" for note in found.notes),
        "",
        *(f"  {label:<18}{value:>14}  {detail}".rstrip() for label, value, detail in _rows(found)),
        "",
        f"  {made}",
        f"  {_speed(found)}",
        f"  {found.folder}: {', '.join(_files(found))}",
    ]
    return "\n".join(lines)


def _rows(found: Backtest) -> Iterator[tuple[str, str, str]]:
    """(label, value, what stands behind it)."""
    metrics = found.metrics
    yield _row(
        "return", metrics.total_return, "share", f"{said(metrics.capital, 'currency')} became "
        f"{said(metrics.equity, 'currency')}", signed=True,
    )  # fmt: skip
    yield _row("return a year", metrics.annual_return, "share", f"of {metrics.periods} sessions", signed=True)
    yield _row("volatility a year", metrics.annual_volatility, "share", "")
    sharpe = metrics.sharpe
    if isinstance(sharpe, Insufficient):
        yield _row("Sharpe ratio", sharpe, "ratio", "")
    else:
        interval = f"95 % from {sharpe.low:.2f} to {sharpe.high:.2f}"
        yield "Sharpe ratio", f"{sharpe.value:.2f}", f"± {sharpe.standard_error:.2f}; {interval}"
    yield _row("Sortino ratio", metrics.sortino, "ratio", "")
    yield _drawdown(metrics)
    yield _row("turnover", metrics.turnover, "times a year", "times the equity in a year")
    yield _hits(metrics)
    exposure = metrics.exposure
    if isinstance(exposure, Insufficient):
        yield _row("exposure", exposure, "share", "")
    else:
        about = f"net {said(exposure.net, 'share')}, {exposure.positions:.1f} positions; in the market at "
        yield _row("exposure", exposure.gross, "share", about + f"{exposure.time_in_market:.0%} of bar times")
    yield _coefficient(found)
    costs = metrics.commission + metrics.slippage
    parts = f"commission {said(metrics.commission, 'currency')}, slippage {said(metrics.slippage, 'currency')}"
    yield _row("costs", costs, "currency", f"{parts}; {said(metrics.gross, 'currency')} was earned before them")
    made = metrics.trade_figures
    about = "closed"
    if not isinstance(made, Insufficient):
        mean, worst, best = (said(value, "currency") for value in (made.mean, made.worst, made.best))
        about = f"closed, {mean} each after costs, from {worst} to {best}; held for {made.mean_bars:.1f} bars"
    yield _row("trades", metrics.trades, "count", about)


def _row(
    label: str, value: float | Insufficient, unit: str, detail: str, *, signed: bool = False
) -> tuple[str, str, str]:
    text = said(value, unit, signed=signed)
    return (label, "–", text.removeprefix("none: ")) if isinstance(value, Insufficient) else (label, text, detail)


def _drawdown(metrics: Metrics) -> tuple[str, str, str]:
    fall = metrics.drawdown
    if isinstance(fall, Insufficient):
        return _row("max drawdown", fall, "share", "")
    if fall.depth == 0:
        return "max drawdown", said(0.0, "share"), "never below a peak"
    back = f"recovered {_day(fall.recovered_time)}" if fall.recovered_time else "not recovered"
    length = counted(fall.sessions, "session") if fall.sessions else "within a session"
    return "max drawdown", said(-fall.depth, "share"), f"{length}, lowest {_day(fall.trough_time)}, {back}"


def _hits(metrics: Metrics) -> tuple[str, str, str]:
    trades, sessions = metrics.hit_rate_trades, metrics.hit_rate_sessions
    if isinstance(trades, Insufficient):
        return _row("hit rate", trades, "share", "")
    days = "" if isinstance(sessions, Insufficient) else f"; {said(sessions.value, 'share')} of sessions"
    return "hit rate", said(trades.value, "share"), f"of {counted(trades.n, 'trade')}{days}"


def _coefficient(found: Backtest) -> tuple[str, str, str]:
    mean = found.metrics.coefficient
    if isinstance(mean, Insufficient):
        known = [one.value for one in found.coefficients if not isinstance(one.value, Insufficient)]
        label, none, why = _row("IC", mean, "ratio", "")
        so_far = f"; {sum(known) / len(known):.4f} on average, no error" if known else ""
        return label, none, why + so_far
    about = f"± {mean.standard_error:.4f}; 95 % from {mean.low:.4f} to {mean.high:.4f}, "
    return "IC", f"{mean.value:.4f}", about + counted(mean.days, "session")


def _limits(found: Backtest) -> str:
    counts = found.counts
    parts = (
        (counts.cut, "orders cut by limits"),
        (counts.limited_away, "refused by them"),
        (counts.unpriced, "signals without a price"),
    )
    return "".join(f"{number:,} {what}; " for number, what in parts if number)


def _speed(found: Backtest) -> str:
    bars = found.counts.bars + found.counts.lead_in
    lead = f", {counted(found.counts.lead_in, 'bar')} of lead-in among them" if found.counts.lead_in else ""
    rate = f", {bars / found.seconds:,.0f} bars/s" if found.seconds > 0 else ""
    return f"{found.seconds:.1f} s{rate}{lead}"


def _files(found: Backtest) -> Iterator[str]:
    for name in _FILES:
        if name != "signals" or found.request.keep_signals:
            yield name if "." in name else f"{name}.parquet"


def _day(time: int | None) -> str:
    return (moment(time) or "")[:16].replace("T", " ")
