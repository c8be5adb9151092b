"""From score and confidence to a direction, by the thresholds of a model."""

from dataclasses import dataclass

import numpy as np

from schemas.fields import F8Array, U1Array
from schemas.predictions import DIRECTIONS, STATUSES

FLAT, LONG, SHORT = range(len(DIRECTIONS))
OK, FALLBACK, DEFAULT, SKIPPED = range(len(STATUSES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """A score at or above ``long`` means long, at or below ``short`` short, between them flat.

    A row below ``min_confidence`` is flat. Scores are expected log returns over the model's horizon. A score beyond
    both (``short`` ≥ ``long``) is long.
    """

    long: float
    short: float
    min_confidence: float = 0.0


def decide(score: F8Array, confidence: F8Array, status: U1Array, thresholds: Thresholds) -> U1Array:
    """Return the direction of each row as codes into ``DIRECTIONS`` (uint8, shape (n,)).

    Inputs have shape (n,). ``min_confidence`` concerns rows of status
    ``ok`` only: a fallback carries confidence 0, and a missed deadline alone must not close a position. A skipped
    row says nothing; its code is flat.
    """
    direction = np.full(score.shape, FLAT, dtype=np.uint8)
    direction[score <= thresholds.short] = SHORT
    direction[score >= thresholds.long] = LONG
    unsure = (status == OK) & (confidence < thresholds.min_confidence)
    direction[unsure | (status == SKIPPED)] = FLAT
    return direction
