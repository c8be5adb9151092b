"""What is normal for a shape: the range that the reference's sessions spanned, with a margin, and how far it jumps."""

from dataclasses import dataclass

import numpy as np

from pipeline.drift.results import Insufficient
from schemas.fields import BoolArray, F8Array

#: Fewer sessions say too little about what is normal, fewer neighbouring ones about how far it jumps.
LEAST_SESSIONS, LEAST_JUMPS = 20, 10
#: Smallest scale, so that a reference without any movement doesn't make every movement infinite.
LEAST_SCALE = 1e-3
#: Scale of a jump that counts as normal, in standard deviations of those seen in the reference.
INFLATION = 1.5
#: Standard deviations of the reference's sessions by which the band is wider, on each side, than what they spanned: two
#: years of a slow process (AR .98) span far less than the next two may. Without it, twenty features of which ten are
#: slow leave their bands once or twice a year while nothing is wrong; see docs/drift-policies.md.
MARGIN = 2.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Bands:
    """Arrays of shape (rows, 3), columns as in ``SHAPE``: lowest and highest that is normal, and scale of a jump."""

    low: F8Array
    high: F8Array
    scale: F8Array
    sessions: int

    def outside(self, values: F8Array) -> F8Array:
        """How many scales ``values`` (rows, 3) lie beyond the band, shape (rows, 5); negative inside.

        Columns: location above, location below, spread above, spread below, churn below.
        """
        above, below = (values - self.high) / self.scale, (self.low - values) / self.scale
        return np.stack([above[:, 0], below[:, 0], above[:, 1], below[:, 1], below[:, 2]], axis=1)

    @property
    def unwatched(self) -> BoolArray:
        """Rows whose shape can't lie outside, whatever it is: there was too little of them; shape (rows,)."""
        result: BoolArray = np.logical_and.reduce((self.low <= 0) & (self.high >= 1), axis=1)
        return result


#: What each column of ``Bands.outside`` says, in words.
DIRECTIONS = ("larger values", "smaller values", "wider", "narrower", "frozen")
#: Column of a shape that each of them looks at.
SHAPE_OF_DIRECTION = (0, 0, 1, 1, 2)


def bands_of(values: F8Array, known: BoolArray, *, inflation: float, margin: float = MARGIN) -> Bands | Insufficient:
    """Bands from shapes of consecutive reference sessions: ``values`` and ``known`` of shape (sessions, rows, 3).

    The band holds all reference sessions, and ``margin`` of their standard deviations on each side. The scale is
    ``inflation`` times the standard deviation of a jump between neighbouring sessions over √2: for independent sessions
    their own standard deviation, for slow processes that of their innovation. What is known of a row in too few
    sessions (a feature that is young, say) gets a band that holds everything: see ``unwatched``. Fewer than twenty
    sessions of all rows are ``Insufficient``.
    """
    sessions = int(known[:, :, 0].any(axis=1).sum())
    if sessions < LEAST_SESSIONS:
        return Insufficient(n=sessions, minimum=LEAST_SESSIONS, reason="the reference has too few sessions")
    low = np.where(known, values, np.inf).min(axis=0)
    high = np.where(known, values, -np.inf).max(axis=0)
    spread = margin * _spread(values, known)
    low, high = low - spread, high + spread
    pairs = known[1:] & known[:-1]
    # The first session has no churn, so that a row known in all of them has one less of it.
    few = (known.sum(axis=0) < LEAST_SESSIONS - 1) | (pairs.sum(axis=0) < LEAST_JUMPS)
    low[few], high[few] = 0.0, 1.0
    jumps = np.where(pairs, values[1:] - values[:-1], 0.0)
    squares = np.add.accumulate(jumps * jumps, axis=0)[-1] / np.maximum(pairs.sum(axis=0), 1)
    scale = np.maximum(inflation * np.sqrt(squares / 2), LEAST_SCALE)
    return Bands(low=low, high=high, scale=scale, sessions=sessions)


def _spread(values: F8Array, known: BoolArray) -> F8Array:
    """Standard deviation of the known sessions, shape (rows, 3)."""
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.add.accumulate(np.where(known, values, 0.0), axis=0)[-1] / n
    deviation = np.where(known, values - mean, 0.0)
    result: F8Array = np.sqrt(np.add.accumulate(deviation * deviation, axis=0)[-1] / n)
    return result
