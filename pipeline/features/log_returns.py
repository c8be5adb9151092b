"""Log returns over 1, 5 and 20 bars, their mean and their dispersion.

ln(c[t]) - ln(c[t-k]); mean m and standard deviation (ddof 1) of the last 20 one-bar returns; the square root of
the sum of their squares is the realised volatility.

Andersen, T. G., Bollerslev, T. (1998): Answering the skeptics: yes, standard volatility models do provide accurate
forecasts. International Economic Review 39.

>>> from pipeline.series import column
>>> column("logret_1", [100.0, 110.0, 99.0]).round(4).tolist()
[nan, 0.0953, -0.1054]
>>> column("ret_mean_20", [1.01**t for t in range(22)])[19:].round(6).tolist()
[nan, 0.00995, 0.00995]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import LOG_CLOSE, LOG_RETURN, LOG_RETURN_SQUARED
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    now = frame.ago(LOG_CLOSE, 0)
    out[0] = frame.ago(LOG_RETURN, 0)
    np.subtract(now, frame.ago(LOG_CLOSE, 5), out=out[1])
    np.subtract(now, frame.ago(LOG_CLOSE, 20), out=out[2])
    np.divide(frame.sums[LOG_RETURN], 20.0, out=out[3])
    np.sqrt(frame.squares[LOG_RETURN] / 19.0, out=out[4])
    np.sqrt(frame.sums[LOG_RETURN_SQUARED], out=out[5])


FAMILY = Family(
    name="log_returns",
    version=1,
    features=(
        Feature(name="logret_1", first=1, definition="ln(c[t]) - ln(c[t-1])"),
        Feature(name="logret_5", first=5, definition="ln(c[t]) - ln(c[t-5])"),
        Feature(name="logret_20", first=20, definition="ln(c[t]) - ln(c[t-20])"),
        Feature(name="ret_mean_20", first=20, definition="mean of the last 20 logret_1"),
        Feature(name="ret_std_20", first=20, definition="standard deviation (ddof 1) of the last 20 logret_1"),
        Feature(name="realized_vol_20", first=20, definition="sqrt(sum of squares of the last 20 logret_1)"),
    ),
    step=_step,
)
