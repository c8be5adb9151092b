"""Sharpe ratio with its standard error."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from pipeline.drift.results import Insufficient
from schemas.fields import F8Array

#: Trading days a year.
DAYS_A_YEAR = 252
#: A spread below this share of the largest return is rounding, not risk.
_NO_SPREAD = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharpe:
    """Annualised Sharpe ratio of ``n`` returns; errors and interval are annualised too.

    ``standard_error`` allows for skew and kurtosis, ``standard_error_normal`` does not.
    """

    value: float
    n: int
    standard_error: float
    standard_error_normal: float
    low: float
    high: float


def sharpe(
    returns: F8Array, *, periods: int = DAYS_A_YEAR, minimum: int = 5, confidence: float = 0.95
) -> Sharpe | Insufficient:
    """Return √periods · mean / std (ddof 1) of finite simple or log returns, shape (n,), over a riskless rate of 0.

    With S the ratio of one period, skew γ₃ and kurtosis γ₄ (3 for a normal), se² is

    - (1 + S²/2) / n: Lo, *The statistics of Sharpe ratios*, Financial Analysts Journal 58 (2002), normal returns;
    - (1 + S²/2 - γ₃ S + (γ₄ - 3) S²/4) / n: Mertens, *Comments on variance of the IID estimator in Lo* (2002).

    The interval is normal with the second. Both suppose independent returns: returns of overlapping horizons need
    non-overlapping sums first. Five days have an error of about √(252/5) = 7: a short Sharpe is mostly noise.

    ``Insufficient`` below ``minimum`` returns (never less than 3) or where they do not vary: the ratio is then no
    number (other libraries answer 2e16 or infinity). Raises ValueError for NaN or infinity.

    >>> found = sharpe(np.array([0.01, -0.01, 0.02, 0.0, 0.005]))
    >>> round(found.value, 6), round(found.standard_error_normal, 3)
    (7.099296, 7.446)
    >>> sharpe(np.full(20, 0.001))
    Insufficient(n=20, minimum=5, reason='the returns do not vary')
    """
    n, minimum = len(returns), max(minimum, 3)
    if not np.isfinite(returns).all():
        raise ValueError("a return is not finite")
    if n < minimum:
        return Insufficient(n=n, minimum=minimum, reason="too few returns")
    largest = float(np.abs(returns).max())
    if largest == 0 or float(returns.max() - returns.min()) <= _NO_SPREAD * largest:
        return Insufficient(n=n, minimum=minimum, reason="the returns do not vary")
    scaled = [value / largest for value in returns.tolist()]  # the ratio has no unit, and squares can't overflow
    mean = math.fsum(scaled) / n
    second, third, fourth = (math.fsum((value - mean) ** power for value in scaled) / n for power in (2, 3, 4))
    ratio = mean / math.sqrt(second * n / (n - 1))
    skew, kurtosis = third / second**1.5, fourth / second**2
    normal = (1 + ratio**2 / 2) / n
    general = max(normal + (-skew * ratio + (kurtosis - 3) * ratio**2 / 4) / n, 0.0)
    root = math.sqrt(periods)
    value, error = root * ratio, root * math.sqrt(general)
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * error
    return Sharpe(
        value=value,
        n=n,
        standard_error=error,
        standard_error_normal=root * math.sqrt(normal),
        low=value - half,
        high=value + half,
    )
