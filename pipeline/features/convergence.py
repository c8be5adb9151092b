"""Moving average convergence/divergence (12, 26, 9), in price units and relative to the close."""

import numpy as np

from pipeline.features.base import Family, Feature, Frame, Scale, exponential
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    # The fast average is seeded where the slow one is, not with its own first twelve bars.
    state[0] = exponential(frame, state[0], frame.close, 25, 12)
    state[1] = exponential(frame, state[1], frame.close, 25, 26)
    np.subtract(state[0], state[1], out=out[0])
    state[2] = exponential(frame, state[2], out[0], 33, 9)
    out[1] = state[2]
    np.subtract(out[0], out[1], out=out[2])
    np.divide(out[0:3], frame.close, out=out[3:6])


def _feature(name: str, definition: str, comparable: bool) -> Feature:
    return Feature(name=name, first=33, definition=definition, recursive=True, comparable=comparable)


FAMILY = Family(
    name="convergence",
    version=1,
    features=(
        _feature("macd_12_26_9", "F - S: EMA 12 seeded at bar 25 with mean(c[14..25]), minus EMA 26", False),
        _feature("macd_signal_12_26_9", "EMA 9 of the line, seeded at bar 33 with its mean over 25..33", False),
        _feature("macd_hist_12_26_9", "macd_12_26_9 - macd_signal_12_26_9", False),
        _feature("macd_pct", "macd_12_26_9 / c", True),
        _feature("macd_signal_pct", "macd_signal_12_26_9 / c", True),
        _feature("macd_hist_pct", "macd_hist_12_26_9 / c", True),
    ),
    step=_step,
    state=(("fast", Scale.PRICE), ("slow", Scale.PRICE), ("signal", Scale.PRICE)),
)
