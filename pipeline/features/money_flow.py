"""Money flow index: 100 P / (P + N), flows p v of 14 bars with rising (P) and falling (N) typical price p.

Quong, G., Soudack, A. (1989): Volume-weighted RSI: money flow. Stocks & Commodities 7.

>>> from pipeline.series import column
>>> column("mfi_14", [10.0, 11.0] * 8, volume=[100.0] * 16)[13:].round(4).tolist()
[nan, 52.381, 52.381]
"""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    inflow = frame.flows[0]
    total = inflow + frame.flows[1]
    out[0] = np.where(total == 0.0, 0.0, 100.0 * (inflow / total))


FAMILY = Family(
    name="money_flow",
    version=1,
    features=(
        Feature(
            name="mfi_14",
            first=14,
            definition="100 P / (P + N), flows p v of 14 bars by the sign of p - p[t-1] (none if same); 0 if P + N = 0",
        ),
    ),
    step=_step,
)
