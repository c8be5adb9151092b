"""Wilder's average true range: his average (14) of max(h - l, |h - c[t-1]|, |l - c[t-1]|).

Wilder, J. W. (1978): New Concepts in Technical Trading Systems.

>>> from pipeline.series import column
>>> close = [float(t) for t in range(1, 17)]
>>> column("atr_14", close, high=[c + 1.0 for c in close], low=[c - 1.0 for c in close])[13:].tolist()
[nan, 2.0, 2.0]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame, Scale, wilder
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    np.copyto(state[0], wilder(frame, state[0], frame.true_range, 14, 14))
    out[0] = state[0]
    np.divide(state[0], frame.close, out=out[1])


FAMILY = Family(
    name="true_range",
    version=1,
    features=(
        Feature(
            name="atr_14",
            first=14,
            definition="wilder(TR, 14) from bar 1, TR = max(h - l, |h - c[t-1]|, |l - c[t-1]|)",
            recursive=True,
            comparable=False,
        ),
        Feature(name="atr_pct_14", first=14, definition="atr_14 / c", recursive=True),
    ),
    step=_step,
    state=(("atr", Scale.PRICE),),
)
