"""The report of a backtest as one self-contained page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from pipeline.drift.results import Insufficient
from producers.bar_source import BarFile
from signaltape.backtest.figures import Figure as Drawn
from signaltape.backtest.figures import figures_of, moment
from signaltape.backtest.plots import (
    MOST_FILLS,
    activity_plot,
    coefficient_plot,
    equity_plot,
    returns_map,
    symbol_plot,
)
from signaltape.backtest.result import Backtest
from signaltape.backtest.shown_symbols import ShownSymbol
from signaltape.backtest.wording import counted, said, title_of
from signaltape.reports.page import Figure, Notice, Section, Table, page

#: Symbols in the table: half of them the best, half the worst.
_SYMBOLS = 40
_Value = float | Insufficient
_SIGNED = ("total_return", "annual_return")
_TERMS = {
    "capital": "currency at the start",
    "commission_bps": "basis points of what is traded, on every fill",
    "slippage_bps": "basis points that a fill is worse than the bar's price",
    "fill": "which price of the symbol's next bar",
    "weight": "share of the equity that a full signal asks for",
    "max_weight": "limit of one symbol, share of the equity",
    "max_gross": "limit of all positions together, share of the equity",
    "max_positions": "limit of their number; 0: none",
    "sides": "which directions are traded",
    "lot": "units are whole multiples; 0: any fraction",
    "expiry": "what happens when a signal expires",
    "rebalance": "whether a repeated signal trades back to its weight",
}
_ASSUMED = (
    "A signal is decided on a bar's close and trades at its symbol's next bar, never at its own.",
    "Orders are filled whole at that price, worse by the slippage: no market impact, no limit by volume.",
    "Shorts can always be borrowed and cost nothing; cash earns nothing, nothing is paid out, no taxes.",
    "Annual figures are estimates from one course of history: their errors say how far chance alone can take them.",
)
_GLANCE = (
    "total_return", "annual_return", "annual_volatility", "sharpe", "sortino", "max_drawdown", "turnover",
    "hit_rate_trades", "gross_exposure", "information_coefficient", "costs", "trades",
)  # fmt: skip


def report_page(found: Backtest, shown: Sequence[ShownSymbol]) -> bytes:
    """The page, UTF-8; dates are UTC."""
    metrics, counts = found.metrics, found.counts
    lead = (
        f"{counted(counts.bars, 'bar')} of {found.interval} of {counted(counts.symbols, 'symbol')}, "
        f"{counted(metrics.sessions, 'session')}: {_minute(metrics.begin)} to {_minute(metrics.end)} UTC"
    )
    sections = [
        Section(title="Notes", content=[Notice(text=note) for note in found.notes]),
        Section(title="At a glance", content=list(_glance(found))),
        Section(title="Equity", content=list(_equity(found))),
        Section(title="Returns", content=list(_returns(found))),
        Section(title="Exposure and turnover", content=[_activity(found)]),
        Section(title="Information coefficient", content=[_coefficient(found)]),
        Section(title="Signals over price", content=list(_symbols_drawn(found, shown))),
        Section(title="Figures", content=[_figures(found)]),
        Section(title="By month", content=[_months(found)]),
        Section(title="By symbol", content=list(_symbols(found))),
        Section(title="Terms and assumptions", content=list(_terms(found))),
    ]
    return page(title_of(found.model), lead, sections if found.notes else sections[1:])


def _glance(found: Backtest) -> Iterator[Table]:
    """The figures that are looked at first, six in a row."""
    known = {figure.name: (figure, value) for figure, value in figures_of(found.metrics)}
    shown = [known[name] for name in _GLANCE]
    for begin in range(0, len(shown), 6):
        part = shown[begin : begin + 6]
        texts = [_with_error(figure, value, known) for figure, value in part]
        yield Table(head=[figure.label for figure, _ in part], rows=[texts], even=True)


def _with_error(figure: Drawn, value: _Value, known: Mapping[str, tuple[Drawn, _Value]]) -> str:
    """A figure, and its standard error where it has one."""
    if isinstance(value, Insufficient):
        return "none"
    errors = [known[name] for name in (f"{figure.name}_error",) if name in known]
    return _value(figure, value) + "".join(f" ± {_value(*one)}" for one in errors)


def _figures(found: Backtest) -> Table:
    rows = [(figure.label, _value(figure, value), figure.about) for figure, value in figures_of(found.metrics)]
    return Table(head=("figure", "value", "what it is"), rows=rows)


def _value(figure: Drawn, value: _Value) -> str:
    """A figure as a cell; a fall is written as one."""
    if isinstance(value, Insufficient):
        return said(value, figure.unit)
    if figure.name.startswith("information_coefficient"):
        return f"{value:.4f}".replace("-", "−")
    text = said(-value if figure.name == "max_drawdown" else value, figure.unit, signed=figure.name in _SIGNED)
    unit = figure.unit if figure.unit in ("sessions", "times a year") else ""
    return f"{text} {unit}".rstrip().replace("-", "−")


def _equity(found: Backtest) -> Iterator[str | Table | Figure]:
    points, times = len(found.course.equity), found.counts.bar_times
    thinned = f"; each of {points:,} points stands for several bar times, the band spans them" if points < times else ""
    yield Figure(svg=equity_plot(found), caption=f"Equity after costs and its drawdown, bar by bar{thinned}")


def _returns(found: Backtest) -> Iterator[str | Table | Figure]:
    svg, cell = returns_map(found)
    week = "; a row begins with its Monday" if cell == "session" else ""
    yield Figure(svg=svg, caption=f"Return of each {cell} after costs; blue is a gain, orange a loss{week}")


def _activity(found: Backtest) -> Figure:
    metrics, caption = found.metrics, "Exposure: longs plus shorts (gross), longs less shorts (net)"
    if metrics.sessions == 1 and metrics.equity > 0:
        caption += f"; {metrics.traded / metrics.equity:,.1f} times the equity were bought and sold"
    return Figure(svg=activity_plot(found), caption=caption)


def _coefficient(found: Backtest) -> str | Figure:
    mean = found.metrics.coefficient
    why = f"No mean: {mean.reason}." if isinstance(mean, Insufficient) else ""
    svg = coefficient_plot(found)
    if svg is None:
        return why or "No session has one."
    if isinstance(mean, Insufficient):
        return Figure(svg=svg, caption=f"IC of signals' scores in each session. {why}")
    return Figure(
        svg=svg,
        caption=f"IC of signals' scores in each session; mean {mean.value:.4f} ± {mean.standard_error:.4f}, 95 % from "
        f"{mean.low:.4f} to {mean.high:.4f} over {counted(mean.days, 'session')}",
    )


def _symbols_drawn(found: Backtest, shown: Sequence[ShownSymbol]) -> Iterator[str | Table | Figure]:
    if not shown:
        yield "Nothing was traded."
        return
    yield (
        "The symbols with the most trades. Triangles are fills: up for bought, down for sold. In the strips, the upper "
        "half is long, the lower half short, a thin line flat. Prices are as they were traded, splits not applied."
    )
    for one in shown:
        many = len(one.fill_time) > MOST_FILLS
        fills = f"{counted(len(one.fill_time), 'fill')}{': too many to mark each' if many else ''}"
        signals = "" if found.request.keep_signals else "; signals were not kept"
        yield Figure(svg=symbol_plot(found, one), caption=f"{one.prices.symbol}: {fills}{signals}")


def _months(found: Backtest) -> Table:
    by = found.months
    rows = [
        (name, _money(by.change[at], "share", signed=True), _money(by.equity[at]), _money(by.costs[at]),
         _money(by.traded[at]),int(by.trades[at]), _won(by.wins[at], by.trades[at]))
        for at, name in enumerate(by.name)
    ]  # fmt: skip
    return Table(
        head=("month", "return", "equity at the end", "costs", "traded", "trades", "won"), rows=rows, right=range(1, 7)
    )


def _symbols(found: Backtest) -> Iterator[str | Table | Figure]:
    by = found.by_symbol
    if not len(by.symbol):
        yield "Nothing was traded."
        return
    order = sorted(range(len(by.symbol)), key=lambda at: (-by.net[at], by.symbol[at]))
    if len(order) > _SYMBOLS:
        yield (
            f"The {_SYMBOLS // 2} that earned the most and the {_SYMBOLS // 2} that lost the most, of "
            f"{len(order):,} that traded; result.json has them all."
        )
        order = order[: _SYMBOLS // 2] + order[-_SYMBOLS // 2 :]
    rows = [
        (by.symbol[at], _money(by.net[at], signed=True), _money(by.gross[at], signed=True), _money(by.costs[at]),
         _money(by.traded[at]), int(by.trades[at]),
         _won(by.wins[at], by.trades[at]), int(by.bars[at]))
        for at in order
    ]  # fmt: skip
    head = ("symbol", "net profit", "before costs", "costs", "traded", "trades", "won", "bars held")
    yield Table(head=head, rows=rows, right=range(1, 8))


def _terms(found: Backtest) -> Iterator[str | Table | Figure]:
    request, counts = found.request, found.counts
    source = request.source
    where = f"the file {source.path.name}" if isinstance(source, BarFile) else f"the {source}"
    yield f"Model: {found.model}. Bars: {where}."
    begins = "; ".join(f"partition {at}: {state}" for at, state in sorted(found.begins.items()))
    yield f"The flow began with {begins}. {counted(counts.lead_in, 'bar')} before the range warmed it up."
    yield (
        f"{counted(counts.predictions, 'prediction')} made {counted(counts.signals, 'signal')}, those "
        f"{counted(counts.fills, 'fill')}."
    )
    terms = asdict(request.trading)
    rows = [(name, _term(terms[name]), about) for name, about in _TERMS.items()]
    yield Table(head=("term", "value", "what it is"), rows=rows)
    yield from _ASSUMED


def _term(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, float | int) else str(value)


def _money(value: float, unit: str = "currency", *, signed: bool = False) -> str:
    return said(value, unit, signed=signed).replace("-", "−")


def _won(wins: int, trades: int) -> str:
    return f"{wins / trades:.0%}" if trades else ""


def _minute(time: int | None) -> str:
    return (moment(time) or "")[:16].replace("T", " ")
