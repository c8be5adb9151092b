"""Deepest fall from a running maximum within the window."""

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
