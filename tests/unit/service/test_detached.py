"""Services in the background: refused, before anything is started, where some of this home run already."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.telemetry.announcement import announce
from signaltape.detached import DetachedError, runs_detached, start_detached, stop_detached

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
