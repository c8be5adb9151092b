"""Columns that several families share, kept for the last 21 bars of each symbol."""

import numpy as np

from pipeline.features.base import Frame, Scale, same
from schemas.fields import F8Array, I8Array

#: Bars that every window can reach back to, the current one included.
DEPTH = 21

CLOSE = 0
HIGH = 1
LOW = 2
VOLUME = 3
LOG_CLOSE = 4
LOG_RETURN = 5
LOG_RETURN_SQUARED = 6
LOG_RANGE_SQUARED = 7
TYPICAL = 8
TYPICAL_VOLUME = 9
INFLOW = 10
OUTFLOW = 11
ON_BALANCE = 12

#: Column → how a split changes it. ``LOG_CLOSE`` is taken afresh from the rescaled ``CLOSE``.
SCALES: tuple[Scale, ...] = (
    Scale.PRICE,
    Scale.PRICE,
    Scale.PRICE,
    Scale.VOLUME,
    Scale.LOG_PRICE,
    Scale.NONE,
    Scale.NONE,
    Scale.NONE,
    Scale.PRICE,
    Scale.NONE,
    Scale.NONE,
    Scale.NONE,
    Scale.VOLUME,
)
WIDTH = len(SCALES)


def derive(bars: tuple[F8Array, F8Array, F8Array, F8Array], t: I8Array, cold: bool, ring: F8Array) -> Frame:
    """Fill ``ring[20]`` from the current bars and return the frame.

    ``bars``: high, low, close, volume, float64 (n,), prices > 0, volume NaN where the source gives none.
    ``ring``: float64 (21, WIDTH, n), rows 0–19 the bars before. A missing volume makes ``ON_BALANCE`` NaN for good,
    because a cumulative sum with an unknown part is unknown; other columns are NaN for that bar only.
    """
    high, low, close, volume = bars
    before, now = ring[DEPTH - 2], ring[DEPTH - 1]
    last = before[CLOSE]
    now[CLOSE] = close
    now[HIGH] = high
    now[LOW] = low
    now[VOLUME] = volume
    change = np.log(close, out=now[LOG_CLOSE]) - before[LOG_CLOSE]
    now[LOG_RETURN] = change
    np.multiply(change, change, out=now[LOG_RETURN_SQUARED])
    log_range = np.log(high / low)
    np.multiply(log_range, log_range, out=now[LOG_RANGE_SQUARED])
    typical = (high + low + close) / 3.0
    now[TYPICAL] = typical
    flow = typical * volume
    now[TYPICAL_VOLUME] = flow
    _money_flow(now, before[TYPICAL], typical, flow)
    np.add(before[ON_BALANCE], np.sign(close - last) * volume, out=now[ON_BALANCE])
    true_range = np.maximum(high - low, np.maximum(np.abs(high - last), np.abs(low - last)))
    if cold:
        begins = t == 0
        now[ON_BALANCE][begins] = volume[begins]
        now[INFLOW][begins] = np.nan
        now[OUTFLOW][begins] = np.nan
    return Frame(
        t=t,
        cold=cold,
        high=high,
        low=low,
        close=close,
        volume=volume,
        ring=ring,
        true_range=true_range,
    )


def _money_flow(now: F8Array, last: F8Array, typical: F8Array, flow: F8Array) -> None:
    moved = ~same(typical, last)
    np.multiply(flow, moved & (typical > last), out=now[INFLOW])
    np.multiply(flow, moved & (typical < last), out=now[OUTFLOW])
