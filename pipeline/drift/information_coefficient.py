"""Information coefficient: the rank correlation of predictions with what came true."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from pipeline.drift.results import Insufficient
from schemas.fields import F8Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Correlation:
    """A rank correlation in [-1, 1] over ``n`` pairs with its two-sided confidence interval."""

    value: float
    n: int
    low: float
    high: float


def doubled_ranks(values: F8Array) -> npt.NDArray[np.int64]:
    """Return twice the average ranks (1-based) of finite ``values``, shape (n,), as exact integers.

    >>> doubled_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist()
    [7, 2, 7, 4]
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    lengths = np.diff(np.concatenate((starts, [len(values)])))
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.repeat(2 * starts + lengths + 1, lengths)
    return ranks


def spearman(
    predicted: F8Array, realised: F8Array, *, minimum: int = 20, confidence: float = 0.95
) -> Correlation | Insufficient:
    """Return Spearman's rho of two finite columns of shape (n,), n < 10⁶; tied values take their average rank.

    rho = Σ dx dy / √(Σ dx² · Σ dy²) with d = 2 rank - (n + 1): Pearson's correlation of average ranks. All sums are
    exact integers, so the result has the same bits for every order of the pairs.

    The interval is Fisher's z with the variance of Bonett and Wright, *Sample size requirements for estimating
    Pearson, Kendall and Spearman correlations*, Psychometrika 65 (2000): z = artanh(rho), se² = (1 + rho²/2)/(n - 3).
    For |rho| = 1 it shrinks to that point.

    ``Insufficient`` below ``minimum`` pairs (never less than 4), or where one column has a single value.
    Raises ValueError for NaN, infinity or columns that differ in length.

    >>> spearman(np.arange(5.0), np.array([1.0, 3.0, 2.0, 5.0, 4.0]), minimum=5).value
    0.8
    >>> spearman(np.arange(5.0), np.arange(5.0))
    Insufficient(n=5, minimum=20, reason='too few names')
    """
    n = len(predicted)
    if len(realised) != n:
        raise ValueError(f"{n} predictions against {len(realised)} returns")
    if not (np.isfinite(predicted).all() and np.isfinite(realised).all()):
        raise ValueError("a prediction or a return is not finite")
    minimum = max(minimum, 4)
    if n < minimum:
        return Insufficient(n=n, minimum=minimum, reason="too few names")
    x = doubled_ranks(predicted) - (n + 1)
    y = doubled_ranks(realised) - (n + 1)
    xx, yy, xy = int((x * x).sum()), int((y * y).sum()), int((x * y).sum())
    if xx == 0 or yy == 0:
        return Insufficient(n=n, minimum=minimum, reason="all predictions or all returns are equal")
    value = xy / math.sqrt(xx * yy)
    low, high = _interval(value, n, confidence)
    return Correlation(value=value, n=n, low=low, high=high)


def _interval(value: float, n: int, confidence: float) -> tuple[float, float]:
    """Confidence interval of a rank correlation over n > 3 pairs."""
    if abs(value) >= 1.0:
        return value, value
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt((1 + value * value / 2) / (n - 3))
    centre = math.atanh(value)
    return math.tanh(centre - half), math.tanh(centre + half)
