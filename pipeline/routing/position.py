"""From a prediction to a suggested position."""

import numpy as np

from pipeline.routing.decision import FLAT, LONG, SHORT
from schemas.fields import F8Array, U1Array
from schemas.predictions import DIRECTIONS

#: Direction code → sign of the position.
_SIGNS = np.zeros(3)
_SIGNS[[FLAT, LONG, SHORT]] = 0.0, 1.0, -1.0


def suggested_position(direction: U1Array, confidence: F8Array, scale: F8Array) -> F8Array:
    """Return a share of the strategy's capital in [-scale, scale] for each row (float64, shape (n,)).

    sign · scale · max(0, 2 p − 1), p the confidence: the fraction that maximises expected log growth of an even bet
    that is right with probability p (J. L. Kelly, "A New Interpretation of Information Rate", 1956). A fallback
    carries confidence 0, so nothing is suggested from it.

    >>> suggested_position(np.array([1, 2, 0], np.uint8), np.array([0.6, 0.75, 0.9]), np.ones(3)).round(9).tolist()
    [0.2, -0.5, 0.0]
    """
    edge = np.maximum(0.0, 2.0 * confidence - 1.0)
    return _SIGNS[direction] * scale * edge + 0.0  # no negative zero


def suggested_position_of(direction: str, confidence: float, scale: float) -> float:
    """The same for one signal; ``direction`` by name.

    >>> suggested_position_of("short", 0.75, 0.5)
    -0.25
    """
    code = np.array([DIRECTIONS.index(direction)], dtype=np.uint8)
    return float(suggested_position(code, np.array([confidence]), np.array([scale]))[0])
