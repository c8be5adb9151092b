"""`signaltape status --watch` and `signaltape prometheus` as processes; neither needs a stack."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.settings import Settings, load_settings
from infra.telemetry.health import Health
from infra.telemetry.server import TelemetryServer
from tests.support import debian_tools
from tests.support.isolation import process_environment
from tests.support.waiting import wait_for

#: What a terminal is told when a program takes a screen of its own, and when it gives it back.
_OTHER_SCREEN, _OTHER_SCREEN_ENDS = "\x1b[?1049h", "\x1b[?1049l"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Of a home in which one process answers, the test's own."""
    # Whoever looks has time to wait for what a busy machine delays.
    found = load_settings(home=tmp_path / "home", fleet={"timeout_s": 20})
    health = Health()
    health.ready("started", True)
    health.ready("kafka", False, "no broker answers")
    server = TelemetryServer("127.0.0.1", 0, health)
    server.announce(found.home / "run", "features-0")
    yield found
    server.close()


@contextmanager
def command(settings: Settings, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`signaltape …` while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "signaltape", *arguments],
        env=process_environment(settings, **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def interrupted(process: "subprocess.Popen[Any]") -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(60)


def test_watch_prints_a_line_for_each_look_where_nobody_looks(settings: Settings) -> None:
    with command(settings, "status", "--watch", "--every", "0.2") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert interrupted(process) == 0
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ ready=0/1 bars=[\d.]+/s ", line)
        assert "Kafka does not answer: features: no broker answers" in line


def test_watch_prints_documents_for_programs(settings: Settings) -> None:
    with command(settings, "status", "--watch", "--json", "--every", "0.2") as process:
        assert process.stdout is not None
        documents = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert interrupted(process) == 0
    for document in documents:
        (found,) = document["processes"]
        assert (found["name"], found["state"]) == ("features", "not ready")
        assert found["checks"]["kafka"] == {"ok": False, "detail": "no broker answers"}
        assert document["per_second"]["bars"] >= 0.0
        assert "store" in document["missing"]


def test_watch_draws_a_screen_where_somebody_looks_and_gives_it_back(settings: Settings) -> None:
    terminal, other = pty.openpty()
    os.set_blocking(terminal, False)
    shown = b""

    def seen(*parts: str) -> bool:
        nonlocal shown
        with contextlib.suppress(BlockingIOError, OSError):  # nothing more just now; the other side has closed
            while piece := os.read(terminal, 65_536):
                shown += piece
        return all(part.encode() in shown for part in parts)

    process = subprocess.Popen(
        [sys.executable, "-m", "signaltape", "status", "--watch", "--every", "0.2"],
        env=process_environment(settings, TERM="xterm-256color", COLUMNS="160", LINES="50"),
        stdin=other, stdout=other, stderr=other, start_new_session=True,
    )  # fmt: skip
    try:
        os.close(other)
        wait_for(lambda: seen(_OTHER_SCREEN, "features", "not ready", "no broker answers", "degraded"), 30, "a look")
        before = len(shown)
        wait_for(lambda: seen() and b"features" in shown[before:], 30, "the next one")
        assert interrupted(process) == 0
        assert seen(_OTHER_SCREEN_ENDS), "the terminal is left as it was"
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_prometheus_runs_until_it_is_interrupted_and_not_a_moment_longer(settings: Settings) -> None:
    program = debian_tools.prometheus()
    cache = settings.home / "cache"
    cache.mkdir(parents=True)
    (cache / program.parent.name).symlink_to(program.parent)
    with command(settings, "prometheus", "--port", "0", "--every", "0.5") as process:
        address, pid = said(process)
        with urllib.request.urlopen(f"{address}/api/v1/status/config", timeout=30) as answer:
            assert "file_sd_configs" in json.load(answer)["data"]["yaml"]
        assert interrupted(process) == 0
    assert not psutil.pid_exists(pid)

    with command(settings, "prometheus", "--port", "0") as process:
        _, pid = said(process)
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: not psutil.pid_exists(pid), 30, "the server to end with the command")


def said(process: subprocess.Popen[str]) -> tuple[str, int]:
    """The address that the command prints, and the server's process."""
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found is not None, line
    (server,) = [one for one in psutil.Process(process.pid).children() if "prometheus" in one.name()]
    return found[0], server.pid
