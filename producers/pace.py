"""Publishing recorded bars at a chosen speed."""

import re
import time
from collections.abc import Callable

from producers.errors import BarInputError


def parse_speed(text: str) -> float | None:
    """Return the factor of ``"max"`` (None), ``"1x"``, ``"60x"`` …; raise ``BarInputError`` for anything else."""
    if text == "max":
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)x", text)
    factor = float(match[1]) if match else 0.0
    if factor <= 0.0:
        raise BarInputError(f"speed {text!r} is not known; use max, 1x, 60x or another factor")
    return factor


class Pace:
    """Waits so that event time passes ``factor`` times as fast as the wall clock (None: no waiting).

    A break of over an hour of event time (a night, a weekend) is shortened to two seconds. ``idle`` is called about
    every ten seconds of a longer wait, so that a feed can show that it is alive.
    """

    BREAK_S = 3600.0
    BREAK_WAIT_S = 2.0
    IDLE_EVERY_S = 10.0

    def __init__(
        self,
        factor: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._factor = factor
        self._clock = clock
        self._sleep = sleep
        self._last: int | None = None
        self._due = 0.0

    def __call__(self, event_time: int, idle: Callable[[], None] = lambda: None) -> None:
        """Return when the cross-section at ``event_time`` (ns UTC) is due."""
        if self._factor is None:
            return
        if self._last is None:
            self._due = self._clock()
        else:
            gap = (event_time - self._last) / 1e9
            self._due += self.BREAK_WAIT_S if gap > self.BREAK_S else gap / self._factor
        self._last = event_time
        while (remaining := self._due - self._clock()) > self.IDLE_EVERY_S:
            self._sleep(self.IDLE_EVERY_S)
            idle()
        if remaining > 0.0:
            self._sleep(remaining)
