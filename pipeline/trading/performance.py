"""Gathers what a simulation did, bar time by bar time, into its figures."""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.drift.results import Insufficient
from pipeline.drift.sharpe import DAYS_A_YEAR, sharpe
from pipeline.trading.coefficient import ScoreRecord, SessionCoefficient
from pipeline.trading.drawdown import Drawdown, DrawdownTrack
from pipeline.trading.metrics import Exposure, Metrics, PeriodFigures, Share
from pipeline.trading.ratios import LEAST_SESSIONS, annual_return, annual_volatility, sortino
from pipeline.trading.results import Stepped
from pipeline.trading.section import Scores, Section
from pipeline.trading.trade_tally import TradeTally
from schemas.fields import F8Array
from schemas.intervals import session_of

_NO_BAR = Insufficient(n=0, minimum=1, reason="no bar time")
_LOST = Insufficient(n=0, minimum=1, reason="the capital is lost")
# Columns of a session's line: its equity, costs, currency traded, closed trades, those that won.
_EQUITY, _COSTS, _TRADED, _TRADES, _WINS = 0, 1, 2, 3, 4


class Performance:
    """Figures of one simulation that began with ``capital``. Memory grows by a line for each session day.

    ``periods``: session days a year; 252 for markets with weekends and holidays, 365 for those that never close.
    """

    def __init__(self, capital: float, *, periods: int = DAYS_A_YEAR) -> None:
        if periods < 1:
            raise ValueError(f"periods {periods} must be 1 or more: the session days of a year")
        self._capital, self._periods = capital, periods
        self._scores = ScoreRecord()
        self._drawdown = DrawdownTrack(capital)
        self._tally = TradeTally()
        self._days: list[int] = []
        self._lines: list[list[float]] = []
        self._begin: int | None = None
        self._last: Stepped | None = None
        self._bar_times = 0
        self._sums = [0.0] * 5  # of the equity, of gross and net shares, of positions held, of bar times with any
        self._commission = self._slippage = 0.0
        self._counts = [0, 0, 0]
        self._splits: set[str] = set()
        self._bankrupt_time: int | None = None

    def add(self, section: Section, stepped: Stepped, scores: Sequence[Scores] | None = None) -> None:
        """Take a bar time and what the simulation made of it.

        ``scores``: what the coefficient is about, ``scores_of`` the bar time's predictions; None: those of its signals.
        """
        session = session_of(section.event_time)
        if not self._days or session != self._days[-1]:
            self._days.append(session)
            self._lines.append([0.0] * 5)
        self._begin = section.event_time if self._begin is None else self._begin
        self._last = stepped
        self._bar_times += 1
        self._scores.add(section, scores)
        self._drawdown.add(stepped.event_time, len(self._days) - 1, stepped.equity)
        line = self._lines[-1]
        line[_EQUITY] = stepped.equity
        line[_COSTS] += stepped.commission + stepped.slippage
        line[_TRADED] += stepped.traded
        for trades in stepped.trades:
            line[_TRADES] += len(trades)
            line[_WINS] += self._tally.add(trades)
        shares = (0.0, 0.0)
        if stepped.equity > 0:
            shares = (stepped.gross_exposure / stepped.equity, stepped.net_exposure / stepped.equity)
        for place, value in enumerate((stepped.equity, *shares, stepped.held, stepped.held > 0)):
            self._sums[place] += value
        self._commission += stepped.commission
        self._slippage += stepped.slippage
        for place, count in enumerate((stepped.cut, stepped.refused, stepped.unpriced)):
            self._counts[place] += count
        self._splits.update(stepped.refused_splits)
        if stepped.bankrupt and self._bankrupt_time is None:
            self._bankrupt_time = stepped.event_time

    def sessions(self) -> PeriodFigures:
        """Figures of each session day."""
        return self._periods_of("D")

    def months(self) -> PeriodFigures:
        """Figures of each calendar month, UTC."""
        return self._periods_of("M")

    def coefficients(self) -> tuple[SessionCoefficient, ...]:
        """Information coefficient of each session."""
        return self._scores.sessions()

    def metrics(self) -> Metrics:
        """Figures over all bar times so far."""
        last, n = self._last, len(self._days)
        equity = last.equity if last is not None else self._capital
        returns = _changes(self._capital, self._table()[:, _EQUITY])
        total = equity / self._capital - 1
        yearly = annual_return(total, n, periods=self._periods)
        drawdown = self._drawdown.result() if last is not None else _NO_BAR
        lost = self._bankrupt_time is not None
        return Metrics(
            begin=self._begin,
            end=last.event_time if last is not None else None,
            bar_times=self._bar_times,
            sessions=n,
            periods=self._periods,
            capital=self._capital,
            equity=equity,
            gross=equity - self._capital + self._commission + self._slippage,
            commission=self._commission,
            slippage=self._slippage,
            traded=math.fsum(line[_TRADED] for line in self._lines),
            trades=self._tally.n,
            trade_figures=self._tally.result(),
            total_return=total if last is not None else _NO_BAR,
            annual_return=yearly,
            annual_volatility=_LOST if lost else annual_volatility(returns, periods=self._periods),
            sharpe=_LOST if lost else sharpe(returns, periods=self._periods, minimum=LEAST_SESSIONS),
            sortino=_LOST if lost else sortino(returns, periods=self._periods),
            drawdown=drawdown,
            calmar=_calmar(yearly, drawdown),
            turnover=self._turnover(n),
            hit_rate_trades=_share(self._tally.wins, self._tally.n, "no trade was closed"),
            hit_rate_sessions=_share(
                int(np.count_nonzero(returns > 0)), int(np.count_nonzero(returns)), "no session changed the equity"
            ),
            exposure=self._exposure(),
            coefficient=self._scores.mean(),
            cut=self._counts[0],
            refused=self._counts[1],
            unpriced=self._counts[2],
            refused_splits=tuple(sorted(self._splits)),
            bankrupt_time=self._bankrupt_time,
        )

    def _table(self) -> F8Array:
        return np.array(self._lines).reshape(-1, 5)

    def _periods_of(self, unit: str) -> PeriodFigures:
        table = self._table()
        names = np.array(self._days, "datetime64[D]").astype(f"datetime64[{unit}]")
        ends = np.flatnonzero(np.append(names[1:] != names[:-1], True)) if len(names) else np.empty(0, np.int64)
        starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)[: len(ends)]
        sums = np.add.reduceat(table, starts, axis=0) if len(ends) else table
        return PeriodFigures(
            name=tuple(names[ends].astype(str).tolist()),
            equity=table[ends, _EQUITY],
            change=_changes(self._capital, table[ends, _EQUITY]),
            costs=sums[:, _COSTS],
            traded=sums[:, _TRADED],
            trades=sums[:, _TRADES].astype(np.int64),
            wins=sums[:, _WINS].astype(np.int64),
        )

    def _turnover(self, sessions: int) -> float | Insufficient:
        if sessions < LEAST_SESSIONS:
            return Insufficient(n=sessions, minimum=LEAST_SESSIONS, reason="too few sessions")
        mean = self._sums[0] / self._bar_times
        if mean <= 0:
            return _LOST
        traded = math.fsum(line[_TRADED] for line in self._lines)
        return traded / mean * (self._periods / sessions)

    def _exposure(self) -> Exposure | Insufficient:
        if not self._bar_times:
            return _NO_BAR
        _, gross, net, held, market = (value / self._bar_times for value in self._sums)
        return Exposure(gross=gross, net=net, positions=held, time_in_market=market)


def _changes(capital: float, equity: F8Array) -> F8Array:
    """Return from each equity to the next, the first from the capital; 0 from where nothing was left."""
    before = np.concatenate(([capital], equity[:-1]))[: len(equity)]
    left = before > 0
    return np.where(left, equity / np.where(left, before, 1.0) - 1, 0.0)


def _calmar(yearly: float | Insufficient, drawdown: Drawdown | Insufficient) -> float | Insufficient:
    if isinstance(yearly, Insufficient):
        return yearly
    if isinstance(drawdown, Insufficient):
        return drawdown
    if drawdown.depth == 0:
        return Insufficient(n=0, minimum=1, reason="no drawdown")
    return yearly / drawdown.depth


def _share(hits: float, n: int, none: str) -> Share | Insufficient:
    return Share(value=hits / n, n=n) if n else Insufficient(n=0, minimum=1, reason=none)
