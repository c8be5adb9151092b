"""Mean information coefficient over days whose labels overlap, with an error that knows of the overlap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from pipeline.drift.results import Insufficient


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanCoefficient:
    """Mean of ``days`` daily coefficients with its standard error and two-sided confidence interval.

    ``effective`` (1 to ``days``) is how many independent days would give that error, ``overlap`` the lags allowed for.
    """

    value: float
    days: int
    effective: float
    overlap: int
    standard_error: float
    low: float
    high: float


def mean_coefficient(
    values: Sequence[float], *, overlap: int, minimum: int = 10, confidence: float = 0.95
) -> MeanCoefficient | Insufficient:
    """Return the mean of daily coefficients, oldest first, whose labels share up to ``overlap`` later sessions.

    A horizon of h sessions, measured daily, has overlap h - 1; horizons within one session have 0. With
    c_k = Σ (x_t - x̄)(x_{t+k} - x̄) / n, the long-run variance is the largest of three estimates:

    - c_0 + 2 Σ c_k over k ≤ overlap: Hansen and Hodrick, J. Political Economy 88 (1980); consistent here, but it can
      come out negative;
    - c_0 + 2 Σ (1 - k/(overlap + 1)) c_k: Newey and West, Econometrica 55 (1987); never negative, but too small;
    - c_0: days that seem to cancel each other never count as more than they are.

    It is scaled by n/(n - overlap - 1); the interval is Student's with ``effective`` - 1 degrees of freedom (at
    least 1). For sums over overlapping windows, 95 % intervals were measured to cover in 94 to 95 % of cases without
    overlap, in 93 % at n = 12 (overlap + 1) and in 90 % at the least n, 5 (overlap + 1): still a bit too narrow.
    Days that are missing bring their neighbours closer, which asks for no further lag.

    ``Insufficient`` below ``minimum`` days or below 5 (overlap + 1), or where all days have one value. Raises
    ValueError for NaN, infinity or a negative overlap. Sums are exact (``fsum``).

    >>> found = mean_coefficient([0.01, 0.05, 0.03, 0.07, 0.02, 0.04, 0.06, 0.0, 0.03, 0.05], overlap=0)
    >>> round(found.value, 12), round(found.standard_error, 6), found.effective
    (0.036, 0.007024, 10.0)
    >>> mean_coefficient([0.01] * 10, overlap=4)
    Insufficient(n=10, minimum=25, reason='too few days for their overlap')
    """
    n = len(values)
    if overlap < 0:
        raise ValueError(f"overlap {overlap} is negative: give the number of later sessions that share labels")
    if not all(map(math.isfinite, values)):
        raise ValueError("a daily coefficient is not finite")
    minimum = max(minimum, 3)
    if n < minimum:
        return Insufficient(n=n, minimum=minimum, reason="too few days")
    if n < 5 * (overlap + 1):
        return Insufficient(n=n, minimum=5 * (overlap + 1), reason="too few days for their overlap")
    mean = math.fsum(values) / n
    c = [_autocovariance(values, mean, lag) for lag in range(overlap + 1)]
    if min(values) == max(values) or c[0] == 0:
        return Insufficient(n=n, minimum=minimum, reason="all days have one value")
    flat = c[0] + 2 * math.fsum(c[1:])
    tapered = c[0] + 2 * math.fsum((1 - lag / (overlap + 1)) * c[lag] for lag in range(1, overlap + 1))
    variance = max(flat, tapered, c[0])
    effective = min(max(n * (c[0] / variance), 1.0), float(n))
    error = math.sqrt(variance / (n - overlap - 1))
    half = student_quantile(0.5 + confidence / 2, max(effective - 1, 1.0)) * error
    return MeanCoefficient(
        value=mean,
        days=n,
        effective=effective,
        overlap=overlap,
        standard_error=error,
        low=mean - half,
        high=mean + half,
    )


def student_quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t by its expansion in 1/``freedom`` (Abramowitz and Stegun 26.7.5).

    For 0.975 within 0.001 of the true one from 5 degrees of freedom on; at 2 it is 3 % short, and 1 counts as 2.

    >>> [round(student_quantile(0.975, freedom), 3) for freedom in (5.0, 9.0, 1e9)]
    [2.57, 2.262, 1.96]
    """
    z, v = NormalDist().inv_cdf(probability), max(freedom, 2.0)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / v + second / v**2 + third / v**3 + fourth / v**4


def _autocovariance(values: Sequence[float], mean: float, lag: int) -> float:
    """Σ (x_t - mean)(x_{t+lag} - mean) / n."""
    pairs = zip(values, values[lag:], strict=False)
    return math.fsum((a - mean) * (b - mean) for a, b in pairs) / len(values)
