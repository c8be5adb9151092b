"""Columns that several families share, kept for the last 21 bars of each symbol."""

import numpy as np

from pipeline.features.base import Frame, Scale, same
from pipeline.kernel import squared_deviations, window_max, window_min, window_sum
from schemas.fields import F8Array, I8Array

#: Bars that every window can reach back to, the current one included.
DEPTH = 21

# The order matters: sums are taken of the first ``SUMMED`` columns side by side, squares of the first ``SQUARED``,
# equality of the first ``LEVELLED``; the two flows are neighbours.
CLOSE = 0
VOLUME = 1
LOG_RETURN = 2
TYPICAL = 3
TYPICAL_VOLUME = 4
LOG_RETURN_SQUARED = 5
LOG_RANGE_SQUARED = 6
INFLOW = 7
OUTFLOW = 8
HIGH = 9
LOW = 10
LOG_CLOSE = 11
ON_BALANCE = 12

LEVELLED = 2
SQUARED = 3
SUMMED = 7

#: Column → how a split changes it. ``LOG_CLOSE`` is taken afresh from the rescaled ``CLOSE``.
SCALES: tuple[Scale, ...] = (
    Scale.PRICE,
    Scale.VOLUME,
    Scale.NONE,
    Scale.PRICE,
    Scale.NONE,
    Scale.NONE,
    Scale.NONE,
    Scale.NONE,
    Scale.NONE,
    Scale.PRICE,
    Scale.PRICE,
    Scale.LOG_PRICE,
    Scale.VOLUME,
)
WIDTH = len(SCALES)


def derive(bars: F8Array, t: I8Array, cold: bool, ring: F8Array) -> Frame:
    """Fill ``ring[20]`` from the current bars and return the frame.

    ``bars``: high, low, close, volume, float64 (4, n), prices > 0, volume NaN where the source gives none.
    ``ring``: float64 (21, WIDTH, n), rows 0–19 the bars before. A missing volume makes ``ON_BALANCE`` NaN for good,
    because a cumulative sum with an unknown part is unknown; other columns are NaN for that bar only.
    """
    high, low, close, volume = bars
    before, now = ring[DEPTH - 2], ring[DEPTH - 1]
    last = before[CLOSE]
    change = close - last
    now[CLOSE] = close
    now[VOLUME] = volume
    now[HIGH : LOW + 1] = bars[0:2]
    _logarithms(before, now, high / low)
    _money_flow(before, now, (high + low + close) / 3.0, volume)
    np.add(before[ON_BALANCE], np.sign(change) * volume, out=now[ON_BALANCE])
    if cold:
        begins = t == 0
        now[ON_BALANCE][begins] = volume[begins]
        now[INFLOW : OUTFLOW + 1, begins] = np.nan
    window = ring[1:]
    sums = window_sum(window[:, :SUMMED])
    return Frame(
        t=t,
        cold=cold,
        high=high,
        low=low,
        close=close,
        volume=volume,
        ring=ring,
        change=change,
        true_range=np.maximum(high - low, np.maximum(np.abs(high - last), np.abs(low - last))),
        sums=sums,
        squares=squared_deviations(window[:, :SQUARED], sums[:SQUARED] / 20.0),
        level=window_max(window[:, :LEVELLED]) == window_min(window[:, :LEVELLED]),
        flows=window_sum(ring[DEPTH - 14 :, INFLOW : OUTFLOW + 1]),
    )


def _logarithms(before: F8Array, now: F8Array, spread: F8Array) -> None:
    np.log(now[CLOSE], out=now[LOG_CLOSE])
    np.subtract(now[LOG_CLOSE], before[LOG_CLOSE], out=now[LOG_RETURN])
    np.multiply(now[LOG_RETURN], now[LOG_RETURN], out=now[LOG_RETURN_SQUARED])
    log_range = np.log(spread)
    np.multiply(log_range, log_range, out=now[LOG_RANGE_SQUARED])


def _money_flow(before: F8Array, now: F8Array, typical: F8Array, volume: F8Array) -> None:
    now[TYPICAL] = typical
    last = before[TYPICAL]
    flow = np.multiply(typical, volume, out=now[TYPICAL_VOLUME])
    moved = ~same(typical, last)
    np.multiply(flow, moved & (typical > last), out=now[INFLOW])
    np.multiply(flow, moved & (typical < last), out=now[OUTFLOW])
