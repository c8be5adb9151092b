"""The reconciliation, run when somebody asks, in a process of its own, and at most once a minute.

It reads every topic from its beginning and computes for as long as that takes: within this process it would hold up
what answers requests.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from infra.telemetry.logs import get_logger

AT_MOST_EVERY_S = 60.0
#: After so long it is ended: a log of that size is reconciled on the command line.
_LONGEST_S = 600.0
_NICE = 10


class Reconciled:
    """The last result, and the one under way. Every method is safe from any thread."""

    def __init__(self, command: tuple[str, ...] = (sys.executable, "-m", "signaltape", "reconcile", "--json")) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._begun = float("-inf")
        self._step = ""
        self._last: dict[str, Any] | None = None
        self._process: subprocess.Popen[str] | None = None

    def close(self) -> None:
        """End what is under way."""
        self._begun = float("inf")
        if self._process is not None:
            self._process.kill()

    def state(self) -> dict[str, Any]:
        """``last``: lines, when, how long it took, or why it failed; ``running``: what is being counted."""
        with self._lock:
            return {
                "running": self._step if self._thread is not None else None,
                "again_in_s": max(0.0, self._begun + AT_MOST_EVERY_S - time.monotonic()),
                "last": self._last,
            }

    def start(self) -> bool:
        """Begin, unless one is under way or has just been; True if it began."""
        with self._lock:
            if self._thread is not None or time.monotonic() - self._begun < AT_MOST_EVERY_S:
                return False
            self._begun, self._step = time.monotonic(), "beginning"
            self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)
            self._thread.start()
            return True

    def _run(self) -> None:
        begun, fault, lines = time.time_ns(), "", list[dict[str, Any]]()
        try:
            lines, fault = self._counted()
        except Exception:
            get_logger().exception("reconcile_failed")
            fault = "a fault of this program; see its log"
        ended = time.time_ns()
        with self._lock:
            self._last = {
                "at": begun,
                "seconds": (ended - begun) / 1e9,
                "fault": fault,
                "lines": lines,
                "ok": not fault and all(line["ok"] for line in lines),
            }
            self._thread = None

    def _counted(self) -> tuple[list[dict[str, Any]], str]:
        """The lines, or why there are none."""
        with subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            self._process = process
            late = threading.Event()

            def end() -> None:
                late.set()
                process.kill()

            limit = threading.Timer(_LONGEST_S, end)
            limit.start()
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
            said = ""
            try:
                for line in process.stderr:
                    said = line.strip() or said
                    if line.startswith("counting "):
                        self._step = line.removeprefix("counting ").strip()
                out = process.stdout.read()
            finally:
                limit.cancel()
                process.kill()
                self._process = None
        if process.returncode < 0:
            killed = f"was ended by signal {-process.returncode}"
            why = f"did not end within {_LONGEST_S:g} s" if late.is_set() else killed
            return [], f"it {why}; run `signaltape reconcile` instead"
        try:
            return list(json.loads(out)["reconciliation"]), ""
        except (ValueError, KeyError, TypeError):
            return [], said.removeprefix("signaltape: ")[:500] or "it ended without a result"
