"""Places at which a test ends a process as a crash would: SIGKILL, no clean-up, nothing flushed.

``SIGNALTAPE_CRASH_AT=features.3_published:5`` ends the process the fifth time it gets there; without the number, the
first time. ``…:5:freeze`` stops it there instead (SIGSTOP), until SIGCONT lets it go on as if no time had passed.
The variable is read once, at the first call; without it a call costs next to nothing.
"""

import functools
import os
import signal
import threading

VARIABLE = "SIGNALTAPE_CRASH_AT"


class CrashPoint:
    """Counts down to one place: ``name``, ``name:n`` or ``name:n:freeze``; ValueError if n is no positive number."""

    def __init__(self, place: str) -> None:
        self.name, _, rest = place.partition(":")
        count, _, how = rest.partition(":")
        self.signal = signal.SIGSTOP if how == "freeze" else signal.SIGKILL
        self.left = int(count or 1)
        if self.left < 1:
            raise ValueError(f"{VARIABLE}={place}: the number after the colon counts from 1")
        self._lock = threading.Lock()

    def reach(self, name: str) -> bool:
        """Return True when ``name`` was reached often enough."""
        if name != self.name:
            return False
        with self._lock:
            self.left -= 1
            return self.left == 0


@functools.cache
def _wanted() -> CrashPoint | None:
    place = os.environ.get(VARIABLE)
    return CrashPoint(place) if place else None


def reach(name: str) -> None:
    """End or stop this process here, if that is what the environment asks for."""
    wanted = _wanted()
    if wanted is not None and wanted.reach(name):
        os.kill(os.getpid(), wanted.signal)
