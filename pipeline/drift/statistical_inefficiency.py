"""Statistical inefficiency: how many values of an autocorrelated series tell as much as one independent value."""

import numpy as np

from pipeline.drift.results import Insufficient
from schemas.fields import F8Array

#: Shorter series say too little about their own autocorrelation.
LEAST = 20


def statistical_inefficiency(values: F8Array, *, minimum: int = LEAST) -> float | Insufficient:
    """Return g = 1 + 2 Σ ρ_k ≥ 1 of a series, shape (n,), in time order; n/g is its effective sample size.

    Initial positive sequence: ρ_0 + ρ_1, ρ_2 + ρ_3, … are added up while they are positive (for a reversible process
    all of them are). Geyer, *Practical Markov chain Monte Carlo*, Statistical Science 7 (1992), section 3.3. The
    autocorrelations are those about the mean with divisor n, so a series that is short against its memory gives too
    small a g: at AR(.98), where g = 99, 5,000 values give 91 in the median, 500 values 53.

    ``Insufficient`` below ``minimum`` values (never less than 4) or where all are equal. Raises ValueError for NaN
    or infinity.

    >>> statistical_inefficiency(np.repeat(np.array([1.0, -1.0, -1.0, 1.0] * 8), 3)) > 2
    True
    >>> statistical_inefficiency(np.ones(50))
    Insufficient(n=50, minimum=20, reason='all values are equal')
    """
    n, minimum = len(values), max(minimum, 4)
    if not np.isfinite(values).all():
        raise ValueError("a value of the series is not finite")
    if n < minimum:
        return Insufficient(n=n, minimum=minimum, reason="too few values")
    if values.min() == values.max():
        return Insufficient(n=n, minimum=minimum, reason="all values are equal")
    half = values / 2  # the difference of two finite values may overflow, that of their halves may not
    centred = (half - half.mean()) / max(half.max() - half.min(), np.finfo(np.float64).tiny)
    size = 1 << (2 * n - 1).bit_length()  # padded, so that the circular correlation is the plain one
    covariance = np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2, size)[: n - n % 2]
    pairs = covariance.reshape(-1, 2).sum(axis=1) / covariance[0]
    ends = np.flatnonzero(pairs <= 0)
    positive = pairs[: ends[0]] if len(ends) else pairs
    return max(2 * float(positive.sum()) - 1, 1.0)
