"""Time as a test of a model measures it: what passes, and what the machine takes for others of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_TRIES = 20
_SCHEDULER = Path("/proc/thread-self/schedstat")


def time_in_queue() -> int:
    """How long this thread has been ready to run without a processor, ns (Linux's `schedstat`); 0 where not known."""
    try:
        return int(_SCHEDULER.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopwatch:
    """``now``: ns, monotonic. ``queued``: ns that the thread has waited for a processor so far."""

    now: Callable[[], int] = time.perf_counter_ns
    queued: Callable[[], int] = time_in_queue

    def read(self) -> tuple[int, int]:
        """Both at one moment: read again if the thread has waited in between, else the wait would count once only."""
        before = self.queued()
        for _ in range(_TRIES):
            moment, after = self.now(), self.queued()
            if after == before:
                break
            before = after
        return moment, after
