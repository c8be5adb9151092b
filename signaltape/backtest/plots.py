"""The plots of a report."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np

from pipeline.drift.coefficient_mean import MeanCoefficient, mean_coefficient
from pipeline.drift.results import Insufficient
from pipeline.trading.coefficient import SessionCoefficient
from pipeline.trading.metrics import PeriodFigures
from schemas.fields import F8Array, I8Array
from schemas.intervals import DAY
from signaltape.backtest.result import Backtest
from signaltape.backtest.sampling import EquityCourse
from signaltape.backtest.shown_symbols import ShownSymbol
from signaltape.reports.axes import NUMBER, SHARE, TimeAxis
from signaltape.reports.colours import BLUE, GREEN, INK, QUIET, VERMILION
from signaltape.reports.heat_map import heat_map
from signaltape.reports.layers import Band, Bars, Dots, Fills, Layer, Line
from signaltape.reports.panels import Lane, TimePanel, time_panels

#: More triangles than this hide the price: the position below it says the same.
MOST_FILLS = 120
#: More sessions than this are shown by month.
MOST_SESSIONS = 130
#: A range below this many days is shown by session in the heat map.
_TWO_MONTHS = 62
_RUNNING = 60
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def axis_of(course: EquityCourse) -> TimeAxis:
    """The bar times of a backtest."""
    return TimeAxis(time=course.event_time, number=course.number)


def equity_plot(found: Backtest) -> str:
    """Equity and drawdown."""
    course, capital = found.course, found.metrics.capital
    ends = course.event_time[[0, -1]]
    layers: list[Layer] = [
        Line(time=ends, value=np.full(2, capital), name="capital", colour=QUIET, dash="4 4", width=1.0),
        Band(time=course.event_time, low=course.low, high=course.high),
        Line(time=course.event_time, value=course.equity, name="equity"),
    ]
    fall = Band(time=course.event_time, low=-course.drawdown, high=np.zeros(len(course.drawdown)), colour=VERMILION)
    edge = Line(time=course.event_time, value=-course.drawdown, colour=VERMILION, width=1.0)
    panels = [
        TimePanel(title="Equity (currency)", layers=layers, unit=NUMBER, height=230.0),
        TimePanel(title="Drawdown (% of the peak)", layers=[fall, edge], unit=SHARE, height=90.0, zero=True),
    ]
    return time_panels(axis_of(course), panels, "equity and drawdown over time")


def activity_plot(found: Backtest) -> str:
    """Exposure bar by bar, turnover by session or month; a single session's is a number, not a plot."""
    course = found.course
    exposure: list[Layer] = [
        Line(time=course.event_time, value=course.gross, name="gross"),
        Line(time=course.event_time, value=course.net, name="net", colour=VERMILION, dash="5 3"),
    ]
    monthly = len(found.sessions.name) > MOST_SESSIONS
    by = found.months if monthly else found.sessions
    begin, end = _spans(by)
    times = np.divide(by.traded, by.equity, out=np.zeros(len(by.traded)), where=by.equity > 0)
    panels = [
        TimePanel(title="Exposure (% of the equity)", layers=exposure, unit=SHARE, height=130.0, zero=True),
        TimePanel(
            title=f"Turnover by {'month' if monthly else 'session'} (times the equity)",
            layers=[Bars(begin=begin, end=end, value=times)], height=100.0, zero=True,
        ),
    ]  # fmt: skip
    shown = panels if len(found.sessions.name) > 1 else panels[:1]
    return time_panels(axis_of(course), shown, "exposure and turnover over time")


def symbol_plot(found: Backtest, shown: ShownSymbol) -> str:
    """Closes with fills, and below them what signals asked for and what was held."""
    prices = shown.prices
    layers: list[Layer] = [Line(time=prices.event_time, value=prices.close, colour=INK, width=1.1)]
    if len(shown.fill_time) <= MOST_FILLS:
        layers.append(Fills(time=shown.fill_time, price=shown.fill_price, units=shown.units))
    held = np.cumsum(shown.units)
    size = np.abs(shown.units).max(initial=0.0)
    side = np.where(np.abs(held) > 1e-9 * size, np.sign(held), 0).astype(np.int64)
    first = found.course.event_time[:1]
    lanes = [Lane(name="held", time=np.append(first, shown.fill_time), side=np.append(0, side))]
    if len(shown.signal_time):
        lanes.insert(0, Lane(name="signals", time=shown.signal_time, side=shown.sides))
    panel = TimePanel(title=f"{prices.symbol} (price)", layers=layers, height=150.0, lanes=lanes)
    return time_panels(axis_of(found.course), [panel], f"price, signals and positions of {prices.symbol}")


def coefficient_plot(found: Backtest) -> str | None:
    """IC of each session, with the mean over the last ones and its interval; None where no session has one."""
    known = [one for one in found.coefficients if not isinstance(one.value, Insufficient)]
    values = np.array([one.value for one in known], np.float64)
    if not len(values):
        return None
    taken = found.course.event_time
    ends = np.array([min((one.session + 1) * DAY, int(taken[-1])) for one in known], np.int64)
    begins = np.array([max(one.session * DAY, int(taken[0])) for one in known], np.int64)
    times = _middles(axis_of(found.course), begins, ends)
    layers: list[Layer] = [Dots(time=times, value=values, name="session", colour=QUIET)]
    mean = found.metrics.coefficient
    if not isinstance(mean, Insufficient):
        layers = [*_whole(taken[[0, -1]], mean), *_running(known, times, mean), *layers]
    panel = TimePanel(title="Information coefficient (rank correlation)", layers=layers, height=170.0, zero=True)
    return time_panels(axis_of(found.course), [panel], "information coefficient by session")


def _middles(axis: TimeAxis, begins: I8Array, ends: I8Array) -> I8Array:
    """The times in the middle of what is drawn from each begin to its end."""
    numbers = (np.interp(begins, axis.time, axis.number) + np.interp(ends, axis.time, axis.number)) / 2
    return np.rint(np.interp(numbers, axis.number, axis.time)).astype(np.int64)


def _whole(ends: I8Array, mean: MeanCoefficient) -> list[Layer]:
    """The mean over all sessions with its interval."""
    return [
        Band(time=ends, low=np.full(2, mean.low), high=np.full(2, mean.high), name="95 % of the mean", colour=GREEN),
        Line(time=ends, value=np.full(2, mean.value), name="mean", colour=GREEN, dash="6 3"),
    ]


def _running(known: Sequence[SessionCoefficient], times: I8Array, whole: MeanCoefficient) -> list[Layer]:
    """The mean over the last sessions with its interval, where there are more."""
    rows = []
    values = [one.value for one in known if not isinstance(one.value, Insufficient)]
    step = max(1, len(values) // 300)
    for end in range(_RUNNING, len(values) + 1, step):
        mean = mean_coefficient(values[end - _RUNNING : end], overlap=whole.overlap)
        if not isinstance(mean, Insufficient):
            rows.append((times[end - 1], mean.low, mean.value, mean.high))
    if len(rows) < 2:
        return []
    at, low, middle, high = (np.array(column) for column in zip(*rows, strict=True))
    return [
        Band(time=at, low=low, high=high, colour=BLUE),
        Line(time=at, value=middle, name=f"mean of {_RUNNING} sessions"),
    ]


def returns_map(found: Backtest) -> tuple[str, str]:
    """The heat map of returns and what one cell is: months by year, or sessions by week for a short range."""
    days = [date.fromisoformat(name) for name in found.sessions.name]
    if (days[-1] - days[0]).days < _TWO_MONTHS:
        return _by_session(days, found.sessions.change), "session"
    return _by_month(found.months), "month"


def _by_session(days: Sequence[date], change: F8Array) -> str:
    weeks = sorted({day.toordinal() - day.weekday() for day in days})
    columns = _WEEKDAYS if any(day.weekday() > 4 for day in days) else _WEEKDAYS[:5]
    cells = {
        (weeks.index(day.toordinal() - day.weekday()), day.weekday()): (value, f"{day:%m-%d}")
        for day, value in zip(days, change.tolist(), strict=True)
    }
    rows = [date.fromordinal(week).isoformat() for week in weeks]
    return heat_map(rows, columns, cells, "return of each session")


def _by_month(months: PeriodFigures) -> str:
    years = sorted({name[:4] for name in months.name})
    cells: dict[tuple[int, int], tuple[float, str]] = {}
    grown: dict[int, float] = {}
    for name, change in zip(months.name, months.change.tolist(), strict=True):
        row = years.index(name[:4])
        cells[row, int(name[5:]) - 1] = (change, "")
        grown[row] = grown.get(row, 0.0) + (math.log1p(change) if change > -1 else -math.inf)
    cells |= {(row, 12): (math.expm1(sum_), "") for row, sum_ in grown.items()}
    names = [date(2000, month, 1).strftime("%b") for month in range(1, 13)]
    return heat_map(years, [*names, "year"], cells, "return of each month", apart=12)


def _spans(by: PeriodFigures) -> tuple[I8Array, I8Array]:
    """From and to (ns UTC) of days or months."""
    unit: Literal["D", "M"] = "D" if len(by.name) and len(by.name[0]) == 10 else "M"
    begin = np.array(by.name, f"datetime64[{unit}]")
    end = begin + np.timedelta64(1, unit)
    return begin.astype("datetime64[ns]").astype(np.int64), end.astype("datetime64[ns]").astype(np.int64)
