"""Where the close lies within the bar's range, averaged over five bars: 0 at the low, 1 at the high.

A family from outside the repository. `pyproject.toml` beside this file announces the set under the entry point group
`signaltape.features`; once the package is installed beside signaltape, the set is listed, computed, trained on and
served like any other.
"""

import numpy as np

from pipeline.features import feature_set
from pipeline.features.base import Family, Feature, Frame, Scale
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    span = frame.high - frame.low
    location = np.where(span > 0.0, (frame.close - frame.low) / span, 0.5)
    out[0] = (state[0] + state[1] + state[2] + state[3] + location) / 5.0
    state[0:3] = state[1:4]
    state[3] = location


FAMILY = Family(
    name="close_location",
    version=1,
    features=(
        Feature(
            name="close_location_5",
            first=4,
            definition="mean of 5 (c - l) / (h - l); 0.5 where h = l",
        ),
    ),
    step=_step,
    state=tuple((f"location_{ago}", Scale.NONE) for ago in (4, 3, 2, 1)),
)

#: A set may mix columns of its own with those of the release.
SET = feature_set("location", 1, ("logret_1", "ret_std_20", "close_location_5"), extra=(FAMILY,))
