"""Parkinson's volatility from the range of each bar: sqrt(Σ ln(h/l)² / (4 · 20 · ln 2)) over 20 bars.

Parkinson, M. (1980): The extreme value method for estimating the variance of the rate of return. Journal of
Business 53.

>>> from pipeline.series import column
>>> column("parkinson_20", [100.0] * 20, high=[101.0] * 20, low=[99.0] * 20)[18:].round(6).tolist()
[nan, 0.012012]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import LOG_RANGE_SQUARED
from schemas.fields import F8Array

_DIVISOR = float(4.0 * 20.0 * np.log(2.0))


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    np.sqrt(frame.sums[LOG_RANGE_SQUARED] / _DIVISOR, out=out[0])


FAMILY = Family(
    name="range_volatility",
    version=1,
    features=(Feature(name="parkinson_20", first=19, definition="sqrt(sum of 20 ln(h/l)^2 / (4 * 20 * ln 2))"),),
    step=_step,
)
