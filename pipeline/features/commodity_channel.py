"""Lambert's commodity channel index: (p - m) / (0.015 d), m and d mean and mean deviation of 20 typical prices p.

Lambert, D. (1980): Commodity channel index. Commodities magazine.

>>> from pipeline.series import column
>>> column("cci_20", [100.0] * 19 + [110.0])[18:].round(4).tolist()
[nan, 666.6667]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import TYPICAL
from pipeline.kernel import absolute_deviations
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    mean = frame.sums[TYPICAL] / 20.0
    deviation = absolute_deviations(frame.window(TYPICAL, 20), mean) / 20.0
    index = (frame.ago(TYPICAL, 0) - mean) / (0.015 * deviation)
    out[0] = np.where(deviation <= 1e-14 * np.abs(mean), 0.0, index)


FAMILY = Family(
    name="commodity_channel",
    version=1,
    features=(
        Feature(
            name="cci_20",
            first=19,
            definition="(p - m) / (0.015 d), m = mean of 20 p, d = mean of |p - m|; 0 if d <= 1e-14 |m|",
        ),
    ),
    step=_step,
)
