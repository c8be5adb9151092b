"""Position of the close within the range of 14 bars: slow stochastic (14, 3, 3) and Williams %R.

raw = 100 (c - L) / (H - L); %K is the mean of three raw values, %D of three %K; %R = -100 (H - c) / (H - L).

Lane, G. C. (1984): Lane's stochastics. Stocks & Commodities 2. Williams, L. (1973): How I Made One Million Dollars.

>>> from pipeline.series import column
>>> close = [float(t) for t in range(1, 20)]
>>> high, low = [c + 1.0 for c in close], [c - 1.0 for c in close]
>>> column("stoch_k_14_3_3", close, high, low)[16:].round(4).tolist()
[nan, 93.3333, 93.3333]
>>> column("willr_14", close, high, low)[12:14].round(4).tolist()
[nan, -6.6667]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame, Scale, same
from pipeline.features.columns import HIGH, LOW
from pipeline.kernel import window_max, window_min
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    highest = window_max(frame.window(HIGH, 14))
    lowest = window_min(frame.window(LOW, 14))
    span = highest - lowest
    flat = same(highest, lowest)
    raw = np.where(flat, 0.0, 100.0 * ((frame.close - lowest) / span))
    slow = (state[0] + state[1] + raw) / 3.0
    out[0] = slow
    out[1] = (state[2] + state[3] + slow) / 3.0
    out[2] = np.where(flat, 0.0, -100.0 * ((highest - frame.close) / span))
    state[0::2] = state[1::2]
    state[1] = raw
    state[3] = slow


FAMILY = Family(
    name="stochastic",
    version=1,
    features=(
        Feature(
            name="stoch_k_14_3_3",
            first=17,
            definition="mean of 3 raw, raw = 100 (c - L) / (H - L) over 14 bars; raw = 0 if same(H, L)",
        ),
        Feature(name="stoch_d_14_3_3", first=17, definition="mean of 3 stoch_k"),
        Feature(name="willr_14", first=13, definition="-100 (H - c) / (H - L) over 14 bars; 0 if same(H, L)"),
    ),
    step=_step,
    state=(
        ("raw_2", Scale.NONE),
        ("raw_1", Scale.NONE),
        ("slow_2", Scale.NONE),
        ("slow_1", Scale.NONE),
    ),
)
