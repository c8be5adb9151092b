"""Change over ten bars, as a difference c[t] - c[t-10] and as a ratio c[t] / c[t-10] - 1.

TA-Lib's MOM and ROCP.

>>> from pipeline.series import column
>>> close = [float(t) for t in range(1, 13)]
>>> column("momentum_10", close)[9:].tolist(), column("momentum_pct_10", close)[9:].tolist()
([nan, 10.0, 10.0], [nan, 10.0, 5.0])
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import CLOSE
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    then = frame.ago(CLOSE, 10)
    np.subtract(frame.close, then, out=out[0])
    np.subtract(frame.close / then, 1.0, out=out[1])


FAMILY = Family(
    name="momentum",
    version=1,
    features=(
        Feature(name="momentum_10", first=10, definition="c[t] - c[t-10]", comparable=False),
        Feature(name="momentum_pct_10", first=10, definition="c[t] / c[t-10] - 1"),
    ),
    step=_step,
)
