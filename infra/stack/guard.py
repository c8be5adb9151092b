"""Our end of the guardian: tells it which processes end if we die."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from infra.stack.process import ProcessRecord


class Guard:
    """A guardian process of this one, holding a pipe: our death in any form closes it."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("guardian.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    @property
    def pid(self) -> int:
        """The guardian's process: it lives until all that was under its care has ended."""
        return self._process.pid

    def add(self, record: ProcessRecord, number: signal.Signals) -> None:
        """Put a process under the guardian's care."""
        self._tell(f"add {record.pid} {record.started_ticks} {int(number)}\n")

    def drop(self, record: ProcessRecord) -> None:
        """Take a process out of it."""
        self._tell(f"drop {record.pid}\n")

    def close(self) -> None:
        """Let the guardian end what is still under its care, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
