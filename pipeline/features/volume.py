"""Volume against its own window, price against the window's volume-weighted average.

(v - mean) / std (ddof 1) of 20 volumes; c / (Σ p v / Σ v) - 1 over 20 bars, p = (h + l + c) / 3.

Berkowitz, S., Logue, D., Noser, E. (1988): The total cost of transactions on the NYSE. Journal of Finance 43.

>>> from pipeline.series import column
>>> column("volume_z_20", [1.0] * 20, volume=[100.0] * 19 + [200.0])[18:].round(4).tolist()
[nan, 4.2485]
>>> column("vwap_gap_20", [100.0] * 19 + [110.0], volume=[1.0] * 20)[18:].round(6).tolist()
[nan, 0.094527]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import TYPICAL_VOLUME, VOLUME
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    score = (frame.volume - frame.sums[VOLUME] / 20.0) / np.sqrt(frame.squares[VOLUME] / 19.0)
    # A deviation that is 0 on paper can differ from 0 by rounding: equality is decided on the values themselves.
    out[0] = np.where(frame.level[VOLUME], np.nan, score)
    average = frame.sums[TYPICAL_VOLUME] / frame.sums[VOLUME]
    np.subtract(frame.close / average, 1.0, out=out[1])


FAMILY = Family(
    name="volume",
    version=1,
    features=(
        Feature(
            name="volume_z_20",
            first=19,
            definition="(v - mean) / std (ddof 1) of 20 volumes; undefined if all are equal",
        ),
        Feature(
            name="vwap_gap_20",
            first=19,
            definition="c / (sum(p v) / sum(v)) - 1 over 20 bars, p = (h + l + c) / 3; undefined if sum(v) = 0",
        ),
    ),
    step=_step,
)
