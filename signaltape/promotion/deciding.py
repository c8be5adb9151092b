"""One decision about models at a time, for a whole installation."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from infra.settings import Settings
from infra.warehouse.active_lock import ActiveLock
from signaltape.promotion.errors import DecisionRefused


@contextmanager
def deciding(settings: Settings, deadline_s: float) -> Iterator[None]:
    """Hold the lock of decisions, so that what was checked still holds when it is acted upon.

    Raises DecisionRefused if another decision keeps it for ``deadline_s``; a process that dies gives it back.
    """
    lock, given_up = ActiveLock(settings, "models"), threading.Event()
    timer = threading.Timer(deadline_s, given_up.set)
    timer.start()
    try:
        if not lock.acquire(given_up):
            raise DecisionRefused(
                f"another decision about models has been under way for {deadline_s:g} s; nothing was changed, try again"
            )
        yield
    finally:
        timer.cancel()
        lock.release()
