"""Wilder's average directional index: the average (14) of 100 |M - P| / (M + P).

P and M are the smoothed upward and downward movements beyond the last bar's range, each over the smoothed range.

Wilder, J. W. (1978): New Concepts in Technical Trading Systems.

>>> from pipeline.series import column
>>> close = [float(t) for t in range(1, 30)]
>>> column("adx_14", close, high=[c + 1.0 for c in close], low=[c - 1.0 for c in close])[26:].tolist()
[nan, 100.0, 100.0]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame, Scale
from pipeline.features.columns import HIGH, LOW
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    up = frame.high - frame.ago(HIGH, 1)
    down = frame.ago(LOW, 1) - frame.low
    moves = np.empty((3, up.shape[0]))
    np.multiply(up, (up > down) & (up > 0.0), out=moves[0])
    np.multiply(down, (down > up) & (down > 0.0), out=moves[1])
    moves[2] = frame.true_range
    sums = state[0:3]
    smoothed = sums - sums / 14.0 + moves
    if frame.cold:
        smoothed = np.where(frame.t >= 14, smoothed, np.where(frame.t >= 1, sums + moves, 0.0))
    state[0:3] = smoothed
    plus, minus = smoothed[0] / smoothed[2], smoothed[1] / smoothed[2]
    both = plus + minus
    index = 100.0 * (np.abs(minus - plus) / both)
    # T = 0 makes both NaN (0 / 0): neither that nor 0 is above 0.
    defined = both > 0.0
    state[3] = _average(frame, state[3], index, defined)
    out[0] = state[3]


def _average(frame: Frame, last: F8Array, index: F8Array, defined: F8Array) -> F8Array:
    value: F8Array = np.where(defined, (13.0 * last + index) / 14.0, last)
    if not frame.cold:
        return value
    total = last + np.where(defined, index, 0.0)
    summing = np.where(frame.t >= 14, total, 0.0)
    seeded: F8Array = np.where(frame.t > 27, value, np.where(frame.t == 27, total / 14.0, summing))
    return seeded


FAMILY = Family(
    name="directional",
    version=1,
    features=(
        Feature(
            name="adx_14",
            first=27,
            definition=(
                "P, M, T: sums of +DM, -DM, TR over bars 1..13, then x - x/14 + new; DX = 100 |M-P| / (M+P) from 14, "
                "each over T; bar 27: mean of 14 DX (undefined = 0), then (13 prev + DX) / 14; repeats if undefined"
            ),
            recursive=True,
        ),
    ),
    step=_step,
    state=(("plus", Scale.PRICE), ("minus", Scale.PRICE), ("range", Scale.PRICE), ("average", Scale.NONE)),
)
