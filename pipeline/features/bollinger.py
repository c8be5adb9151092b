"""Position of the close between Bollinger's bands: (c - lower) / (upper - lower), bands = mean ∓ 2 std (ddof 0).

Bollinger, J. (2001): Bollinger on Bollinger Bands.

>>> from pipeline.series import column
>>> column("bb_percent_b_20_2", [100.0] * 19 + [110.0])[18:].round(4).tolist()
[nan, 1.5897]
>>> column("bb_percent_b_20_2", [100.0] * 20)[19:].tolist()  # all equal: undefined
[nan]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import CLOSE
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    mean = frame.sums[CLOSE] / 20.0
    width = 2.0 * np.sqrt(frame.squares[CLOSE] / 20.0)
    lower = mean - width
    position = (frame.close - lower) / (mean + width - lower)
    out[0] = np.where(frame.level[CLOSE], np.nan, position)


FAMILY = Family(
    name="bollinger",
    version=1,
    features=(
        Feature(
            name="bb_percent_b_20_2",
            first=19,
            definition="(c - lower) / (upper - lower), bands = mean20 -/+ 2 std20 (ddof 0); undefined if all equal",
        ),
    ),
    step=_step,
)
