"""Exponential moving averages of the close, and the close's distance from them."""

import numpy as np

from pipeline.features.base import Family, Feature, Frame, Scale, exponential
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    state[0] = exponential(frame, state[0], frame.close, 11, 12)
    state[1] = exponential(frame, state[1], frame.close, 25, 26)
    out[0:2] = state
    np.subtract(frame.close / state, 1.0, out=out[2:4])


FAMILY = Family(
    name="moving_average",
    version=1,
    features=(
        Feature(
            name="ema_12",
            first=11,
            definition="seed: mean of c[0..11]; then prev + (c - prev) 2/13",
            recursive=True,
            comparable=False,
        ),
        Feature(
            name="ema_26",
            first=25,
            definition="seed: mean of c[0..25]; then prev + (c - prev) 2/27",
            recursive=True,
            comparable=False,
        ),
        Feature(name="ema_gap_12", first=11, definition="c / ema_12 - 1", recursive=True),
        Feature(name="ema_gap_26", first=25, definition="c / ema_26 - 1", recursive=True),
    ),
    step=_step,
    state=(("ema_12", Scale.PRICE), ("ema_26", Scale.PRICE)),
)
