"""Deepest fall from a running maximum within the window: min over 20 closes of c / (maximum so far) - 1.

Magdon-Ismail, M., Atiya, A. (2004): Maximum drawdown. Risk 17.

>>> from pipeline.series import column
>>> column("max_drawdown_20", [100.0] * 18 + [120.0, 90.0, 110.0])[18:].tolist()
[nan, -0.25, -0.25]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import CLOSE
from pipeline.kernel import deepest_ratio
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    np.subtract(deepest_ratio(frame.window(CLOSE, 20)), 1.0, out=out[0])


FAMILY = Family(
    name="drawdown",
    version=1,
    features=(Feature(name="max_drawdown_20", first=19, definition="min over 20 closes of c / (running max) - 1"),),
    step=_step,
)
