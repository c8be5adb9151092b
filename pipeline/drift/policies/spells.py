"""Hysteresis: an alarm opens a spell, and within it the same subject alarms no more."""

import numpy as np

from schemas.fields import BoolArray, I8Array


class Spells:
    """For each of ``subjects``: the session of its last alarm. A spell ends after ``quiet`` sessions without one."""

    def __init__(self, subjects: int, *, quiet: int) -> None:
        self._quiet = quiet
        self._last: I8Array = np.full(subjects, np.iinfo(np.int64).min // 2, np.int64)

    def take(self, session: int, alarm: BoolArray) -> tuple[BoolArray, BoolArray]:
        """Take the alarms (subjects,) of a session; return which opened a spell, and which spells are open."""
        was_open = self.open_at(session)
        self._last[alarm] = session
        return alarm & ~was_open, was_open | alarm

    def open_at(self, session: int) -> BoolArray:
        """Which spells (subjects,) are open at a session, the newest that was taken or a later one."""
        is_open: BoolArray = session - self._last <= self._quiet
        return is_open

    def snapshot(self) -> list[int]:
        """State as plain values."""
        return [int(last) for last in self._last]

    def restore(self, state: list[int]) -> None:
        """Inverse of ``snapshot``."""
        self._last = np.array(state, np.int64)
