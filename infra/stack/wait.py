"""Waiting for a condition with a deadline."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], deadline_s: float, interval_s: float = 0.02) -> bool:
    """Poll `condition` until it holds (True) or `deadline_s` seconds have gone (False)."""
    end = time.monotonic() + deadline_s
    while True:
        if condition():
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(interval_s)
