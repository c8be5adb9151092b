"""Figures of a series of session returns that the drift of models does not have."""

import math

from pipeline.drift.results import Insufficient
from schemas.fields import F8Array

#: Fewer sessions than this say nothing about a year.
LEAST_SESSIONS = 5


def annual_return(total: float, sessions: int, *, periods: int) -> float | Insufficient:
    """Return (1 + ``total``)^(periods / sessions) - 1: the growth rate of a year that gives ``total`` in that time.

    ``Insufficient`` below ``LEAST_SESSIONS`` sessions, or where nothing is left: no rate leads to 0 or below.

    >>> round(annual_return(0.21, 504, periods=252), 12)
    0.1
    """
    if sessions < LEAST_SESSIONS:
        return _few(sessions)
    if total <= -1:
        return Insufficient(n=sessions, minimum=LEAST_SESSIONS, reason="the capital is lost")
    growth = math.log1p(total) * (periods / sessions)
    if growth > math.log(1e9):
        return Insufficient(n=sessions, minimum=LEAST_SESSIONS, reason="too few sessions for so large a return")
    return math.expm1(growth)


def annual_volatility(returns: F8Array, *, periods: int) -> float | Insufficient:
    """Return √periods · std (ddof 1) of returns of shape (n,); ``Insufficient`` below ``LEAST_SESSIONS``."""
    n = len(returns)
    if n < LEAST_SESSIONS:
        return _few(n)
    values = returns.tolist()
    mean = math.fsum(values) / n
    return math.sqrt(periods * math.fsum((value - mean) ** 2 for value in values) / (n - 1))


def sortino(returns: F8Array, *, periods: int) -> float | Insufficient:
    """Return √periods · mean / √(mean of min(return, 0)²) of returns of shape (n,), against a target of 0.

    All returns count in the lower mean (Sortino and Price, *Performance measurement in a downside risk framework*,
    J. of Investing 3, 1994). ``Insufficient`` below ``LEAST_SESSIONS`` or where no return is negative.

    >>> import numpy as np
    >>> round(sortino(np.array([0.01, -0.01, 0.02, 0.0, 0.005]), periods=252), 6)
    17.748239
    """
    n = len(returns)
    if n < LEAST_SESSIONS:
        return _few(n)
    values: list[float] = returns.tolist()
    largest = max(abs(value) for value in values)
    if min(values) >= 0:
        return Insufficient(n=n, minimum=LEAST_SESSIONS, reason="no session lost")
    below = math.fsum(min(value / largest, 0.0) ** 2 for value in values) / n
    return math.sqrt(periods) * (math.fsum(values) / n) / (largest * math.sqrt(below))


def _few(n: int) -> Insufficient:
    return Insufficient(n=n, minimum=LEAST_SESSIONS, reason="too few sessions")
