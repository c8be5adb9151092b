"""Wilder's relative strength index: 100 G / (G + L), G and L Wilder's averages (14) of gains and losses.

Wilder, J. W. (1978): New Concepts in Technical Trading Systems.

>>> from pipeline.series import column
>>> column("rsi_14", [100.0, 101.0] * 8)[13:].round(4).tolist()
[nan, 50.0, 53.5714]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame, Scale, wilder
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    moves = np.empty((2, frame.t.shape[0]))
    np.maximum(frame.change, 0.0, out=moves[0])
    np.maximum(-frame.change, 0.0, out=moves[1])
    state[:] = wilder(frame, state, moves, 14, 14)
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
