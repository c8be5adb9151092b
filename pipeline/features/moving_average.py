"""Exponential moving averages of the close, the close's distance from them, and MACD (12, 26, 9) from them.

previous + (c - previous) · 2 / (n + 1), seeded with the mean of the first n closes; MACD's fast average is seeded
where the slow one is.

Appel, G. (2005): Technical Analysis: Power Tools for Active Investors.

>>> from pipeline.series import column
>>> close = [float(t) for t in range(1, 41)]
>>> column("ema_12", close)[10:13].tolist()
[nan, 6.5, 7.5]
>>> column("macd_12_26_9", close)[32:34].tolist()  # on a straight line: the lag of 26 less that of 12
[nan, 7.0]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame, Scale, exponential
from schemas.fields import F8Array

# Rows of the state: EMA 12, EMA 26, MACD's fast average, its signal.
_FIRST = np.array([[11], [25], [25]])
_LENGTH = np.array([[12.0], [26.0], [12.0]])


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    averages = state[0:3]
    averages[:] = exponential(frame, averages, frame.close, _FIRST, _LENGTH)
    out[0:2] = state[0:2]
    np.subtract(frame.close / state[0:2], 1.0, out=out[2:4])
    line = np.subtract(state[2], state[1], out=out[4])
    state[3] = exponential(frame, state[3], line, 33, 9)
    out[5] = state[3]
    np.subtract(line, out[5], out=out[6])
    np.divide(out[4:7], frame.close, out=out[7:10])


def _macd(name: str, definition: str, comparable: bool) -> Feature:
    return Feature(name=name, first=33, definition=definition, recursive=True, comparable=comparable)


def _average(length: int) -> Feature:
    definition = f"seed at bar {length - 1}: mean of c[0..{length - 1}]; then prev + (c - prev) 2/{length + 1}"
    return Feature(name=f"ema_{length}", first=length - 1, definition=definition, recursive=True, comparable=False)


FAMILY = Family(
    name="moving_average",
    version=1,
    features=(
        _average(12),
        _average(26),
        Feature(name="ema_gap_12", first=11, definition="c / ema_12 - 1", recursive=True),
        Feature(name="ema_gap_26", first=25, definition="c / ema_26 - 1", recursive=True),
        # The fast average is seeded where the slow one is, not with its own first twelve bars.
        _macd("macd_12_26_9", "F - S: EMA 12 seeded at bar 25 with mean(c[14..25]), minus ema_26", False),
        _macd("macd_signal_12_26_9", "EMA 9 of the line, seeded at bar 33 with its mean over 25..33", False),
        _macd("macd_hist_12_26_9", "macd_12_26_9 - macd_signal_12_26_9", False),
        _macd("macd_pct", "macd_12_26_9 / c", True),
        _macd("macd_signal_pct", "macd_signal_12_26_9 / c", True),
        _macd("macd_hist_pct", "macd_hist_12_26_9 / c", True),
    ),
    step=_step,
    state=(
        ("ema_12", Scale.PRICE),
        ("ema_26", Scale.PRICE),
        ("fast", Scale.PRICE),
        ("signal", Scale.PRICE),
    ),
)
