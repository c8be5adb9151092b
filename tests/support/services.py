"""Services of the product as processes of their own, as an operator runs them."""

import http.client
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from infra.settings import Settings
from tests.support.forked import start_module
from tests.support.isolation import process_environment
from tests.support.waiting import wait_for


class ServiceProcess:
    """One `signaltape run <service>` with its log; `kill` is SIGKILL, `stop` the way a supervisor does it."""

    def __init__(self, settings: Settings, service: str, instance: int = 0, **environment: str) -> None:
        self.service, self.instance = service, instance
        self._settings = settings
        self.log = settings.home / "logs" / f"{service}-{instance}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._announced = settings.home / "run" / f"{service}-{instance}.json"
        self._announced.unlink(missing_ok=True)
        arguments = ["run", service, "--instance", str(instance)]
        self._process = start_module("signaltape", arguments, process_environment(settings, **environment), self.log)
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Exit code, None while it runs; minus the signal's number if one ended it."""
        return self._process.exitcode

    def expect_running(self) -> None:
        """Raise AssertionError, with the end of the log, if the process has ended."""
        assert self.poll() is None, f"{self.service} ended with {self.poll()}:\n{self.tail()}"

    def is_ready(self) -> bool:
        """True once /ready answers 200. Raises AssertionError if the process has ended."""
        self.expect_running()
        try:
            port = json.loads(self._announced.read_text())["port"]
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def wait_ready(self, deadline_s: float = 60.0) -> "ServiceProcess":
        wait_for(self.is_ready, deadline_s, f"{self.service} ready")
        return self

    def wait_exit(self, deadline_s: float = 60.0) -> int:
        wait_for(lambda: self.poll() is not None, deadline_s, f"{self.service} to end")
        code = self.poll()
        assert code is not None
        return code

    def is_frozen(self) -> bool:
        """True while SIGSTOP holds it."""
        return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    def resume(self) -> None:
        """Let a frozen process go on as if no time had passed."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def terminate(self) -> None:
        """Ask it to stop, as a supervisor does; `stop` waits for it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def stop(self, deadline_s: float = 60.0) -> int:
        if self.poll() is None:
            self.terminate()
            self._process.join(deadline_s)
        code = self.poll()
        if code is None:
            self.kill()
            raise AssertionError(f"{self.service} did not stop in {deadline_s:g} s:\n{self.tail()}")
        return code

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def running(settings: Settings, *services: str, **environment: str) -> Iterator[dict[str, ServiceProcess]]:
    """Run services until the block ends; they are ready when it begins."""
    started = {name: ServiceProcess(settings, name, **environment) for name in services}
    try:
        for process in started.values():
            process.wait_ready()
        yield started
    finally:
        for process in started.values():
            if process.poll() is None:
                process.kill()
