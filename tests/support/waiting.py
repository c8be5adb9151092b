"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def wait_for(
    condition: Callable[[], Result], deadline_s: float = 30.0, what: str = "", interval_s: float = 0.02
) -> Result:
    """Poll `condition` until it returns something true, and return that.

    Raises AssertionError with `what` and the last answer once `deadline_s` seconds have gone.
    """
    end = time.monotonic() + deadline_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= end:
            subject = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"{subject} did not hold within {deadline_s:g} s; last answer: {answer!r}")
        time.sleep(interval_s)
