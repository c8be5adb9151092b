"""What an arm earned: total return, drawdown and Sharpe ratio of its returns bar by bar."""

import math
from dataclasses import dataclass

import numpy as np

from pipeline.drift.results import Insufficient
from schemas.fields import F8Array, I8Array
from schemas.intervals import session_of

#: Fewer bar times give no Sharpe ratio: its error would be of the size of the ratio.
FEWEST_TIMES = 30
SESSIONS_A_YEAR = 252


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharpe:
    """Annualised Sharpe ratio (no risk-free rate) and its standard error."""

    value: float
    error: float


def total_return(returns: F8Array) -> float:
    """Return Π(1 + r) - 1 of simple returns, shape (n,); 0 for none.

    >>> round(total_return(np.array([0.1, -0.1])), 12)
    -0.01
    """
    return float(np.prod(1.0 + returns)) - 1.0


def max_drawdown(returns: F8Array) -> float:
    """Return the deepest fall of Π(1 + r) below its highest value so far, the start included, as a share ≥ 0.

    >>> round(max_drawdown(np.array([0.1, -0.2, 0.05])), 12)
    0.2
    """
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    return float(np.max(1.0 - wealth / np.maximum.accumulate(wealth)))


def sharpe_ratio(returns: F8Array, periods_per_year: float) -> Sharpe | Insufficient:
    """Return mean / standard deviation (ddof 1) of simple returns, shape (n,), times √periods a year, and its error.

    The error is that of Mertens, *Comments on variance of the IID estimator in Lo (2002)*: with the ratio S of one
    period, skewness γ3 and kurtosis γ4 (3 for a normal distribution), √((1 - γ3 S + (γ4 - 1) S² / 4) / n). It assumes
    returns that are independent in time.

    >>> sharpe_ratio(np.array([0.01, 0.02]), 252)
    Insufficient(n=2, minimum=30, reason='too few bar times')
    """
    n = len(returns)
    if n < FEWEST_TIMES:
        return Insufficient(n=n, minimum=FEWEST_TIMES, reason="too few bar times")
    if returns.max() == returns.min():
        return Insufficient(n=n, minimum=FEWEST_TIMES, reason="all returns are equal")
    centred = returns - returns.mean()
    spread = math.sqrt(float((centred**2).mean()))
    skewness, kurtosis = (float((centred**power).mean()) / spread**power for power in (3, 4))
    ratio = float(returns.mean() / returns.std(ddof=1))
    variance = (1.0 - skewness * ratio + (kurtosis - 1.0) * ratio**2 / 4.0) / n
    year = math.sqrt(periods_per_year)
    return Sharpe(value=ratio * year, error=math.sqrt(variance) * year)


def periods_per_year(times: I8Array) -> float:
    """Return bar times a year: 252 sessions of as many bar times as those of ``times`` (ns UTC, distinct) have.

    >>> day = 86_400 * 10**9
    >>> periods_per_year(np.array([1, 2, 3]) * day), periods_per_year(np.array([1, 2, 3]) * day // 24)
    (252.0, 756.0)
    """
    sessions = {session_of(time) for time in times.tolist()}
    return SESSIONS_A_YEAR * len(times) / max(1, len(sessions))
