"""What following the scores would have earned in a session, before costs."""

import math

import numpy as np

from pipeline.drift.information_coefficient import doubled_ranks
from pipeline.drift.ledger import CrossSection
from pipeline.drift.results import Insufficient
from schemas.fields import F8Array


def rank_return(scores: F8Array, log_returns: F8Array) -> float | None:
    """Log return of a portfolio that weighs names by their centred rank, long and short, gross exposure one.

    Finite columns of shape (n,). None where all scores are equal (there is nothing to follow) or n < 2. The sum is
    exact (``fsum``), so the names' order does not matter.

    >>> round(rank_return(np.array([1.0, 2.0, 3.0]), np.array([-0.01, 0.05, 0.03])), 12)
    0.02
    """
    weights = (doubled_ranks(scores) - (len(scores) + 1)) if len(scores) > 1 else np.zeros(0, np.int64)
    gross = int(np.add.reduce(np.abs(weights)))
    if gross == 0:
        return None
    return math.fsum((weights * log_returns).tolist()) / gross


def session_return(sections: tuple[CrossSection, ...], horizon: int, *, minimum: int) -> float | Insufficient:
    """Log return of a session: each bar's portfolio is held ``horizon`` bars with 1 / horizon of the capital.

    Cross-sections with fewer than ``minimum`` names are left out.
    """
    enough = [one for one in sections if len(one.symbols) >= minimum]
    earned = [got for one in enough if (got := rank_return(one.scores, one.log_returns)) is not None]
    if not earned:
        most = max((len(one.symbols) for one in sections), default=0)
        reason = "all predictions are equal" if enough else "too few names" if sections else "no label matured"
        return Insufficient(n=most, minimum=minimum, reason=reason)
    return math.fsum(earned) / horizon
