"""Points of a course for a plot: never more than a bound, however long the course is, and no extreme is lost."""

from dataclasses import dataclass

import numpy as np

from pipeline.trading.results import Stepped
from schemas.fields import F8Array, I8Array

#: At most twice as many points are held.
POINTS = 400


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EquityCourse:
    """The account at n points, oldest first, each over the bar times since the one before; columns of shape (n,).

    ``event_time``: its last bar time, ns UTC. ``number``: which bar time of the backtest that is, from 0. ``equity``:
    there, currency; ``low`` and ``high``: the least and the most since the point before. ``drawdown``: the deepest
    since then, a share of the highest equity up to there. ``gross`` and ``net``: mean exposure, shares of the equity
    (0 where nothing is left).
    """

    event_time: I8Array
    number: I8Array
    equity: F8Array
    low: F8Array
    high: F8Array
    drawdown: F8Array
    gross: F8Array
    net: F8Array


# Places in a point: bar times in it, its last time, the last equity, lowest, highest, deepest drawdown, sums of shares.
_COUNT, _TIME, _EQUITY, _LOW, _HIGH, _DOWN, _GROSS, _NET = range(8)
_Point = list[float]


class EquitySample:
    """Follows an account from ``capital`` on."""

    def __init__(self, capital: float, points: int = POINTS) -> None:
        self._peak = capital
        self._points = points
        self._size = 1  # bar times a point
        self._held: list[_Point] = []

    def add(self, stepped: Stepped) -> None:
        """Take the next bar time."""
        equity = stepped.equity
        self._peak = max(self._peak, equity)
        shares = (stepped.gross_exposure / equity, stepped.net_exposure / equity) if equity > 0 else (0.0, 0.0)
        point: _Point = [1, stepped.event_time, equity, equity, equity, 1 - equity / self._peak, *shares]
        if self._held and self._held[-1][_COUNT] < self._size:
            self._held[-1] = _joined(self._held[-1], point)
            return
        if len(self._held) == 2 * self._points:
            self._held = [_joined(*pair) for pair in zip(self._held[::2], self._held[1::2], strict=True)]
            self._size *= 2
        self._held.append(point)

    def course(self) -> EquityCourse:
        """What was taken so far."""
        columns = list(zip(*self._held, strict=True)) or [()] * 8
        count = np.array(columns[_COUNT], np.int64)
        equity, low, high, down, gross, net = (np.array(column, np.float64) for column in columns[_EQUITY:])
        return EquityCourse(
            event_time=np.array(columns[_TIME], np.int64),
            number=np.cumsum(count) - 1,
            equity=equity,
            low=low,
            high=high,
            drawdown=down,
            gross=gross / count,
            net=net / count,
        )


def _joined(first: _Point, then: _Point) -> _Point:
    """One point for both, ``then`` being the later one."""
    return [
        first[_COUNT] + then[_COUNT],
        then[_TIME],
        then[_EQUITY],
        min(first[_LOW], then[_LOW]),
        max(first[_HIGH], then[_HIGH]),
        max(first[_DOWN], then[_DOWN]),
        first[_GROSS] + then[_GROSS],
        first[_NET] + then[_NET],
    ]
