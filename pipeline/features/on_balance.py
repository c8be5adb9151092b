"""On-balance volume, the volume of rising bars less that of falling ones, and its slope over 20 bars.

Granville, J. E. (1963): Granville's New Key to Stock Market Profits.

>>> from pipeline.series import column
>>> column("obv", [10.0, 11.0, 11.0, 9.0], volume=[5.0, 7.0, 3.0, 4.0]).tolist()
[5.0, 12.0, 12.0, 8.0]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import ON_BALANCE, VOLUME
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    now = frame.ago(ON_BALANCE, 0)
    out[0] = now
    np.divide(now - frame.ago(ON_BALANCE, 20), frame.sums[VOLUME], out=out[1])


FAMILY = Family(
    name="on_balance",
    version=1,
    features=(
        Feature(
            name="obv",
            first=0,
            definition="v[0]; then + v if c > c[t-1], - v if c < c[t-1]; undefined from a missing volume on",
            recursive=True,
            comparable=False,
        ),
        Feature(
            name="obv_slope_20",
            first=20,
            definition="(obv[t] - obv[t-20]) / sum of the last 20 volumes; undefined if that is 0",
            recursive=True,
        ),
    ),
    step=_step,
)
