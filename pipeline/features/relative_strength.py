"""Wilder's relative strength index.

Wilder, J. W. (1978): New Concepts in Technical Trading Systems.
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame, Scale, wilder
from pipeline.features.columns import CLOSE
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    change = frame.close - frame.ago(CLOSE, 1)
    state[0] = wilder(frame, state[0], np.maximum(change, 0.0), 14, 14)
    state[1] = wilder(frame, state[1], np.maximum(-change, 0.0), 14, 14)
    moved = state[0] + state[1]
    out[0] = np.where(moved == 0.0, 0.0, 100.0 * (state[0] / moved))


FAMILY = Family(
    name="relative_strength",
    version=1,
    features=(
        Feature(
            name="rsi_14",
            first=14,
            definition="100 G / (G + L), G and L = wilder(gains, losses; 14) from bar 1; 0 if G + L = 0",
            recursive=True,
        ),
    ),
    step=_step,
    state=(("gain", Scale.PRICE), ("loss", Scale.PRICE)),
)
