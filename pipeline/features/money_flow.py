"""Money flow index: volume-weighted balance of rising and falling typical prices."""

import numpy as np

from pipeline.features.base import Family, Feature, Frame
from pipeline.features.columns import INFLOW, OUTFLOW
from pipeline.kernel import window_sum
from schemas.fields import F8Array


def _step(frame: Frame, state: F8Array, out: F8Array) -> None:
    inflow = window_sum(frame.window(INFLOW, 14))
    total = inflow + window_sum(frame.window(OUTFLOW, 14))
    out[0] = np.where(total == 0.0, 0.0, 100.0 * (inflow / total))


FAMILY = Family(
    name="money_flow",
    version=1,
    features=(
        Feature(
            name="mfi_14",
            first=14,
            definition="100 P / (P + N), flows p v over 14 bars by the sign of p - p[t-1] (none if same); 0 if P + N = 0",
        ),
    ),
    step=_step,
)
