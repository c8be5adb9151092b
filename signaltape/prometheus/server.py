"""Prometheus as a child process, over the processes that `signaltape.fleet` knows."""

import contextlib
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from infra.errors import OperatorError
from infra.places import cache_folder
from infra.settings import Settings
from infra.stack.debian_tools import PROMETHEUS, unpacked
from infra.stack.guard import Guard
from infra.stack.jars import Progress
from infra.stack.ports import free_ports, is_free
from infra.stack.process import ProcessRecord, started_ticks, write_private
from signaltape.fleet import targets
from signaltape.prometheus.files import configuration, shipped_rules, targets_document

_START_S = 60.0
_STOP_S = 15.0
_LOOK_S = 1.0


class PrometheusError(OperatorError):
    """Prometheus can't be started here; the message says why, and where its log is."""


def find_program(settings: Settings, progress: Progress) -> Path:
    """The server on PATH, else Debian's, fetched into the cache. Raises StackError where it can't be had."""
    found = shutil.which("prometheus")
    return Path(found) if found else unpacked(PROMETHEUS, cache_folder(settings.home), progress) / "run"


class LocalPrometheus:
    """One server with its data in `folder`, listening on 127.0.0.1. Use as a context manager.

    Targets are looked for once a second. Our death in any form ends the server. `port` 0 picks a free one.
    """

    def __init__(
        self,
        settings: Settings,
        program: Path,
        folder: Path,
        *,
        port: int = 0,
        every_s: float = 5.0,
        rule_files: Sequence[Path] | None = None,
    ) -> None:
        self._settings, self._program, self._folder = settings, program, folder
        self._rules = shipped_rules() if rule_files is None else tuple(rule_files)
        self._every_s = every_s
        self.port = port or free_ports(1)[0]
        self.log = folder / "prometheus.log"
        self._targets_file = folder / "targets.json"
        self._told: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="prometheus-targets", daemon=True)

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server; returns once it is ready. Raises PrometheusError if it doesn't get there."""
        if not is_free(self.port):
            raise PrometheusError(f"port {self.port} on 127.0.0.1 is taken; choose another one with --port")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._tell_targets()
        config = self._folder / "prometheus.yml"
        write_private(config, configuration(self._targets_file, self._rules, self._every_s))
        arguments = [
            f"--config.file={config}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--storage.tsdb.retention.time=15d",
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        pid = self._process.pid
        self._guard = Guard()
        record = ProcessRecord(pid=pid, started_ticks=started_ticks(pid) or 0, boot_id="", port=self.port)
        self._guard.add(record, signal.SIGTERM)
        self._thread.start()
        self._await_ready()

    def is_running(self) -> bool:
        """True until it has ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server; its data stays."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._process is not None and self.is_running():
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._guard is not None:
            self._guard.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await_ready(self) -> None:
        end = time.monotonic() + _START_S
        while self.is_running() and time.monotonic() < end:
            with contextlib.suppress(urllib.error.URLError, OSError), self._ask("/-/ready"):
                return
            time.sleep(0.05)
        reason = "has not answered in time" if self.is_running() else "has ended"
        raise PrometheusError(f"Prometheus {reason}; its log: {self.log}")

    def _ask(self, path: str) -> "contextlib.AbstractContextManager[object]":
        answer: contextlib.AbstractContextManager[object] = urllib.request.urlopen(self.address + path, timeout=2.0)
        return answer

    def _follow(self) -> None:
        while not self._stop.wait(_LOOK_S):
            with contextlib.suppress(OSError):  # a disk that is full, for now: told at the next look
                self._tell_targets()

    def _tell_targets(self) -> None:
        """Write the targets if they have changed; Prometheus sees that by itself."""
        document = targets_document(targets(self._settings))
        if document != self._told:
            write_private(self._targets_file, document)
            self._told = document
