"""Services in the background: refused, before anything is started, where some of this home run already."""

import os
import re
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.telemetry.announcement import announce
from signaltape.detached import DetachedError, runs_detached, start_detached, stop_detached
from signaltape.service_table import SERVICES

pytestmark = pytest.mark.unit


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_service_that_runs_in_the_foreground_is_named_and_nothing_is_started(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signaltape.detached._READY_S", 1.0)
    announce(tmp_path / "run", "store-0", port)
    with pytest.raises(DetachedError, match=r"store of .* run already, in the foreground elsewhere"):
        start_detached(tmp_path, {**os.environ, "SIGNALTAPE_HOME": str(tmp_path)})
    assert not runs_detached(tmp_path)
    assert not (tmp_path / "logs").exists()


def test_stopping_where_nothing_runs_says_so(tmp_path: Path) -> None:
    assert not stop_detached(tmp_path)


# The supervisor outlives what started it, which Python warns of where that is not a process of its own.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_of_two_starts_at_once_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is held up between its check and its start until the other has checked too, if it gets there."""
    supervisor = tmp_path / "supervisor"
    supervisor.write_text("#!/bin/sh\nexec sleep 60\n")
    supervisor.chmod(0o755)
    checked = threading.Barrier(2)

    def none_is_there(*_: object) -> list[str]:
        with suppress(threading.BrokenBarrierError):
            checked.wait(0.5)
        return list(SERVICES) if not runs_detached(tmp_path) else []

    monkeypatch.setattr(sys, "executable", str(supervisor))
    monkeypatch.setattr("signaltape.detached.not_ready", none_is_there)
    with ThreadPoolExecutor(2) as pool:
        starts = [pool.submit(start_detached, tmp_path, dict(os.environ)) for _ in range(2)]
        failures = [error for one in starts if (error := one.exception(30))]
    try:
        assert [type(error) for error in failures] == [DetachedError]
        assert re.search(r"run already \(process \d+\)", str(failures[0]))
        assert runs_detached(tmp_path), "the one that was refused has not stopped the other's"
    finally:
        stop_detached(tmp_path)
