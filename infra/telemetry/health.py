"""What a process knows about its own health: is it alive, can it serve, does it move?"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.telemetry.metrics import DEPENDENCY_UP, LAG


@dataclass(frozen=True, slots=True)
class _Check:
    ok: bool
    detail: str


@dataclass(slots=True)
class _Progress:
    position: int
    moved_at: float
    lag: int


class Health:
    """Collected by the service's threads, read by the HTTP server. Every method is safe to call from any thread.

    A partition is *stalled* if its position has not moved for ``stall_s`` seconds while messages wait behind it.
    """

    def __init__(self, *, stall_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_s = stall_s
        self._clock = clock
        self._lock = threading.Lock()
        self._checks: dict[str, _Check] = {"started": _Check(False, "starting")}
        self._progress: dict[tuple[str, int], _Progress] = {}

    def ready(self, name: str, ok: bool, detail: str = "") -> None:
        """Report one dependency or condition; the process is ready when all reported ones are ok."""
        with self._lock:
            self._checks[name] = _Check(ok, detail)
        DEPENDENCY_UP.labels(dependency=name).set(1.0 if ok else 0.0)

    def progress(self, topic: str, partition: int, position: int, lag: int) -> None:
        """Report how far a partition has come and how many messages wait."""
        LAG.labels(topic=topic, partition=str(partition)).set(lag)
        with self._lock:
            known = self._progress.get((topic, partition))
            moved = known is None or position != known.position or lag <= 0 or known.lag <= 0
            at = self._clock() if moved or known is None else known.moved_at
            self._progress[topic, partition] = _Progress(position, at, lag)

    def forget(self, topic: str, partition: int) -> None:
        """Stop watching a partition that is no longer ours, and telling its lag."""
        with self._lock:
            known = self._progress.pop((topic, partition), None)
        if known is not None:
            LAG.remove(topic, str(partition))

    def stalled(self) -> list[str]:
        """Return a line for each partition that stands still with messages waiting."""
        now = self._clock()
        with self._lock:
            return [
                f"{topic}[{partition}] stands at {state.position} with {state.lag} messages waiting"
                for (topic, partition), state in sorted(self._progress.items())
                if state.lag > 0 and now - state.moved_at > self._stall_s
            ]

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Return (can serve, the detail per condition)."""
        stalled = self.stalled()
        with self._lock:
            detail: dict[str, Any] = {
                name: {"ok": check.ok, "detail": check.detail} for name, check in sorted(self._checks.items())
            }
            lag = {f"{topic}[{partition}]": state.lag for (topic, partition), state in sorted(self._progress.items())}
        if stalled:
            detail["progress"] = {"ok": False, "detail": "; ".join(stalled)}
        return all(entry["ok"] for entry in detail.values()), {"checks": detail, "lag_messages": lag}
