"""The shell of a service process: how it ends, and what it says."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_for

PROGRAM = """
import sys
from consumers.service import Context, run_service
from infra.errors import OperatorError
from infra.settings import load_settings

def body(context: Context) -> None:
    how = sys.argv[1]
    if how == "operator":
        raise OperatorError("topic bars.v1 is missing; run `signaltape init`")
    if how == "bug":
        raise ZeroDivisionError("never")
    if how == "return":
        return
    context.health.ready("started", True)
    context.stop.wait(60)

sys.exit(run_service("features", 3, load_settings(), body))
"""


class Process:
    """One service process with its log."""

    def __init__(self, home: Path, how: str, **environment: str) -> None:
        self.announced = home / "run" / "features-3.json"
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALTAPE_")}
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, how],
            env=kept | {"SIGNALTAPE_HOME": str(home)} | environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> tuple[int, list[dict[str, object]]]:
        _, errors = self.popen.communicate(timeout=60)
        return self.popen.returncode, [json.loads(line) for line in errors.splitlines()]

    def get(self, path: str) -> int:
        port = json.loads(self.announced.read_text())["port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def make(how: str, **environment: str) -> Process:
        started.append(Process(tmp_path, how, **environment))
        return started[-1]

    yield make
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start: Start, number: signal.Signals) -> None:
    process = start("wait")
    wait_for(process.announced.exists, 30, "the announcement")
    wait_for(lambda: process.get("/ready") == 200, 30, "readiness")
    assert process.get("/health") == 200
    process.popen.send_signal(number)
    code, lines = process.end()
    assert code == 0
    assert [line["event"] for line in lines] == ["started", "stopped"]
    assert {line["service"] for line in lines} == {"features"}
    assert not process.announced.exists()


def test_a_failure_for_the_operator_is_one_line_that_says_what_to_do(start: Start) -> None:
    code, lines = start("operator").end()
    assert code == 1
    assert lines[-1]["reason"] == "topic bars.v1 is missing; run `signaltape init`"
    assert "exception" not in lines[-1]


def test_any_other_failure_comes_with_its_traceback(start: Start) -> None:
    code, lines = start("bug").end()
    assert code == 1
    assert "ZeroDivisionError: never" in str(lines[-1]["exception"])


def test_a_body_that_returns_ends_it(start: Start) -> None:
    code, lines = start("return").end()
    assert (code, lines[-1]["event"]) == (0, "stopped")


def test_a_metrics_port_that_is_taken_is_named(start: Start) -> None:
    first = start("wait")
    wait_for(first.announced.exists, 30, "the announcement")
    port = str(json.loads(first.announced.read_text())["port"])
    code, lines = start("wait", SIGNALTAPE_METRICS__PORT=port).end()
    assert code == 1
    assert f"127.0.0.1:{port}" in str(lines[-1]["reason"])
    assert first.popen.poll() is None
