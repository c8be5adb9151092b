"""Waiting for a server that is away: the rule, and the loop that follows it."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog

from consumers.shell.errors import Stopped

Result = TypeVar("Result")
_log = structlog.get_logger()


def delays(first_s: float = 0.1, factor: float = 2.0, longest_s: float = 5.0) -> Iterator[float]:
    """Yield the pauses between attempts, without end.

    >>> from itertools import islice
    >>> list(islice(delays(), 7))
    [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    """
    pause = first_s
    while True:
        yield min(pause, longest_s)
        pause = min(pause * factor, longest_s)


class Patience:
    """Repeats an operation while a server is away, until it works or the service is asked to stop.

    ``waiting_for`` names what is waited for, None while nothing is: a watchdog leaves a waiting process alone, and
    readiness shows it. ``since`` is the monotonic time at which the wait began.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.waiting_for: str | None = None
        self.since = 0.0

    def persist(self, what: str, transient: tuple[type[Exception], ...], operation: Callable[[], Result]) -> Result:
        """Return what ``operation`` returns, repeating it after each ``transient`` error. Raises ``Stopped``."""
        for pause in delays():
            try:
                result = operation()
            except transient as error:
                if self.waiting_for is None:
                    self.waiting_for, self.since = what, time.monotonic()
                    _log.warning("waiting", what=what, error=str(error).strip())
                if self._stop.wait(pause):
                    raise Stopped(what) from error
                continue
            if self.waiting_for is not None:
                _log.info("resumed", what=what, after_s=round(time.monotonic() - self.since, 3))
                self.waiting_for = None
            return result
        raise AssertionError("delays() has no end")
