"""A supervisor: every service in a process of its own, restarted when it ends, stopped in order.

A service that fails is started again after a pause that doubles with each failure in a row, up to ten seconds: its
state is in the log and the stores, so a restart is its way to recover. A service that ends cleanly without having
been asked to is restarted too. Death of the supervisor in any form ends them all (see ``infra.stack.guard``).
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.stack.guard import Guard
from infra.stack.process import ProcessRecord, started_ticks
from signaltape.service_table import YIELDING

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
#: A service that ran for so long before it ended starts its pauses anew.
_SETTLED_S = 30.0
_STOP_S = 15.0
#: Niceness of the services that nobody waits for, so that on a few cores they don't delay a signal.
_NICE = 5


@dataclass(slots=True)
class _Service:
    name: str
    argv: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    record: ProcessRecord | None = None
    started: float = 0.0
    restart_at: float = 0.0
    failures: int = 0
    exits: list[int] = field(default_factory=list)


def _yield_processor(pid: int) -> None:
    """Let a process that leads its session have the processor when others don't want it.

    Where Linux schedules by session (``sched_autogroup_enabled``), niceness counts among the processes of one session
    only; the session has a niceness of its own.
    """
    os.setpriority(os.PRIO_PROCESS, pid, _NICE)
    with contextlib.suppress(OSError):  # another kernel, or not allowed
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICE))


class Supervisor:
    """Runs services as child processes. Use as a context manager; ``watch`` restarts what ends.

    ``environment`` is added to this process's own, or, with ``alone``, all that they get.
    """

    def __init__(
        self, names: Sequence[str], logs: Path, environment: Mapping[str, str] | None = None, *, alone: bool = False
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._environment = {**({} if alone else os.environ), **(environment or {})}
        command = [sys.executable, "-m", "signaltape", "run"]
        self._services = [_Service(name, [*command, name], logs / f"{name}.log") for name in names]
        self._guard = Guard()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start every service, and a thread that restarts what ends."""
        for service in self._services:
            self._launch(service)
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the services in order (SIGTERM, SIGKILL after fifteen seconds each), then the guardian."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        for service in self._services:
            self._end(service)
        self._guard.close()

    def wait(self) -> None:
        """Return when ``stop`` was called (from a signal handler, say)."""
        while not self._stopping.wait(0.5):
            pass

    def request_stop(self) -> None:
        """Let ``wait`` return."""
        self._stopping.set()

    @property
    def exits(self) -> dict[str, list[int]]:
        """Exit codes of the services that ended without being asked to, by name."""
        return {service.name: list(service.exits) for service in self._services if service.exits}

    @property
    def guardian(self) -> tuple[int, int]:
        """(pid, start in clock ticks since boot) of the process that outlives this one until the services ended."""
        return self._guard.pid, started_ticks(self._guard.pid) or 0

    def not_ready(self, announcements: Path) -> list[str]:
        """Return the services that don't answer /ready with 200; ``announcements``: where they write their ports."""
        return not_ready([service.name for service in self._services], announcements)

    def __enter__(self) -> "Supervisor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, service: _Service) -> None:
        with service.log.open("ab") as log:
            service.process = subprocess.Popen(
                service.argv,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops them in order
            )
        pid = service.process.pid
        if service.name in YIELDING:
            # They may lag for a moment; a signal may not. May fail if the process has ended already: it is seen below.
            with contextlib.suppress(ProcessLookupError):
                _yield_processor(pid)
        service.record = ProcessRecord(pid=pid, started_ticks=started_ticks(pid) or 0, boot_id="", port=0)
        self._guard.add(service.record, signal.SIGTERM)
        service.started = time.monotonic()

    def _watch(self) -> None:
        while not self._stopping.wait(0.1):
            for service in self._services:
                self._look_after(service, time.monotonic())

    def _look_after(self, service: _Service, now: float) -> None:
        if service.process is None:
            if now >= service.restart_at:
                self._launch(service)
            return
        code = service.process.poll()
        if code is None:
            return
        assert service.record is not None
        self._guard.drop(service.record)
        service.exits.append(code)
        service.failures = 0 if now - service.started > _SETTLED_S else service.failures + 1
        pause = _PAUSES[min(service.failures, len(_PAUSES) - 1)]
        print(f"{service.name} ended with {code}; restarting in {pause:g} s (log: {service.log})", file=sys.stderr)
        service.process, service.restart_at = None, now + pause

    def _end(self, service: _Service) -> None:
        if service.process is None or service.process.poll() is not None:
            return
        service.process.terminate()
        try:
            service.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            service.process.kill()
            service.process.wait()


def not_ready(names: Sequence[str], announcements: Path) -> list[str]:
    """Return those of the services that don't answer /ready with 200."""
    return [name for name in names if not _answers(announcements / f"{name}-0.json")]


def _answers(announcement: Path) -> bool:
    try:
        port = json.loads(announcement.read_text())["port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False
