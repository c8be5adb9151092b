"""Online metrics of direction: how often the sign was right, how often it was up, and how far that has fallen."""

import math
from dataclasses import dataclass

import numpy as np

from pipeline.drift.results import Insufficient
from schemas.fields import F8Array

#: Degradation beyond which a metric counts as degraded.
DEGRADED = 0.05
#: What rounding may add: from 1.0 to 0.95 is 5 %, not more.
_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectionRates:
    """Shares in [0, 1] over ``n`` pairs; ``accuracy`` is over the ``decided`` ones, where neither side is zero."""

    n: int
    decided: int
    accuracy: float
    predicted_positive: float
    realised_positive: float


def direction_rates(predicted: F8Array, realised: F8Array, *, minimum: int = 20) -> DirectionRates | Insufficient:
    """Compare the signs of two finite columns of shape (n,): scores, and the returns that came true.

    A zero is neither positive nor right nor wrong. Read ``accuracy`` beside both shares: a model that always says up
    is as often right as returns are up.

    ``Insufficient`` where fewer than ``minimum`` pairs are decided, or all predictions are equal. Raises ValueError
    for NaN, infinity or columns that differ in length.

    >>> direction_rates(np.array([0.2, -0.1, 0.3, 0.0]), np.array([0.1, 0.1, 0.2, 0.3]), minimum=3)
    DirectionRates(n=4, decided=3, accuracy=0.6666666666666666, predicted_positive=0.5, realised_positive=1.0)
    """
    n, minimum = len(predicted), max(minimum, 1)
    if len(realised) != n:
        raise ValueError(f"{n} predictions against {len(realised)} returns")
    if not (np.isfinite(predicted).all() and np.isfinite(realised).all()):
        raise ValueError("a prediction or a return is not finite")
    decided = int(np.count_nonzero((predicted != 0) & (realised != 0)))
    if decided < minimum:
        return Insufficient(n=decided, minimum=minimum, reason="too few pairs with a direction")
    if n > 1 and predicted.min() == predicted.max():
        return Insufficient(n=n, minimum=minimum, reason="all predictions are equal")
    right = np.count_nonzero(((predicted > 0) & (realised > 0)) | ((predicted < 0) & (realised < 0)))
    return DirectionRates(
        n=n,
        decided=decided,
        accuracy=int(right) / decided,
        predicted_positive=int(np.count_nonzero(predicted > 0)) / n,
        realised_positive=int(np.count_nonzero(realised > 0)) / n,
    )


def degradation(value: float, baseline: float, *, floor: float = 0.01, lower_is_better: bool = False) -> float:
    """Return by which share of the baseline's size a metric is worse than it: positive is worse, negative better.

    (baseline - value) / max(|baseline|, floor). The plain ratio turns its sign for a baseline below 0 and does not
    exist at 0; here worse is always positive, and near 0 ``floor`` (in the metric's unit, above 0) stands for the
    baseline's size. Raises ValueError for NaN, infinity or such a floor.

    >>> [round(degradation(*pair), 12) for pair in ((0.5, 0.52), (-0.03, -0.02), (-0.01, 0.0), (0.05, 0.04))]
    [0.038461538462, 0.5, 1.0, -0.25]
    """
    if not (math.isfinite(value) and math.isfinite(baseline)):
        raise ValueError(f"a metric of {value} against a baseline of {baseline} can't be compared: one is not finite")
    if not (math.isfinite(floor) and floor > 0):
        raise ValueError(f"floor {floor} is not above 0")
    lost = value - baseline if lower_is_better else baseline - value
    return lost / max(abs(baseline), floor)


def is_degraded(value: float, baseline: float, *, floor: float = 0.01, lower_is_better: bool = False) -> bool:
    """True if a metric is worse than its baseline by more than 5 %.

    >>> [is_degraded(*pair) for pair in ((0.5, 0.52), (0.49, 0.52), (0.0, 0.0), (-0.02, 0.0), (-0.04, -0.04))]
    [False, True, False, True, False]
    """
    return degradation(value, baseline, floor=floor, lower_is_better=lower_is_better) > DEGRADED + _ROUNDING
