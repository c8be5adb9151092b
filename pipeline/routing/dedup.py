"""The router's third step: what is said again is not sent again."""

from dataclasses import dataclass

import numpy as np

from schemas.fields import I8Array, U1Array
from schemas.predictions import OUTCOMES

NONE, EMITTED, SUPPRESSED, MERGED, FILTERED, UNCHANGED, PAUSED = range(len(OUTCOMES))
#: Direction code of a symbol for which nothing was emitted yet.
NOTHING = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupRules:
    """``window_ns``: length of the half-open window [t, t + window). ``on_change``: emit changed directions only."""

    window_ns: int
    on_change: bool = False


class DedupTable:
    """For each symbol of one interval: the direction last emitted and its event time, which opened the window."""

    def __init__(self) -> None:
        self.direction: U1Array = np.zeros(0, dtype=np.uint8)
        self.event_time: I8Array = np.zeros(0, dtype=np.int64)

    def grow(self, size: int) -> None:
        """Make room for ``size`` symbols."""
        missing = size - len(self.direction)
        if missing > 0:
            self.direction = np.concatenate([self.direction, np.full(missing, NOTHING, dtype=np.uint8)])
            self.event_time = np.concatenate([self.event_time, np.zeros(missing, dtype=np.int64)])

    def take(self, numbers: I8Array, direction: U1Array, event_time: int, rules: DedupRules) -> U1Array:
        """Decide and remember; returns outcomes (uint8 codes, shape (n,)) for distinct symbols ``numbers``.

        The same direction inside the window of the last emission is suppressed and doesn't extend it; outside, it
        is emitted again or, under ``on_change``, unchanged. Another direction is emitted and opens a new window.
        """
        same = self.direction[numbers] == direction
        inside = event_time - self.event_time[numbers] < rules.window_ns
        repeated = UNCHANGED if rules.on_change else EMITTED
        outcome = np.where(same, np.where(inside, SUPPRESSED, repeated), EMITTED).astype(np.uint8)
        self.mark(numbers[outcome == EMITTED], direction[outcome == EMITTED], event_time)
        return outcome

    def mark(self, numbers: I8Array, direction: U1Array, event_time: int) -> None:
        """Remember that these were emitted."""
        self.direction[numbers] = direction
        self.event_time[numbers] = event_time
