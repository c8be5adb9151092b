"""A look at real telemetry servers, and at what may stand in their place."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.settings import Settings, load_settings
from infra.telemetry.health import Health
from infra.telemetry.server import TelemetryServer
from signaltape.fleet import Fleet, Target, Waiting, targets

#: As many as are asked at once.
HANGING = 32


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path, fleet={"timeout_s": 30.0})


@pytest.fixture
def features(settings: Settings) -> Iterator[TelemetryServer]:
    health = Health()
    health.ready("started", True)
    health.ready("kafka", False, "no broker answers")
    health.progress("px.bars", 0, 7, 40)
    health.progress("px.bars", 1, 7, 2)
    server = TelemetryServer("127.0.0.1", 0, health)
    server.announce(settings.home / "run", "features-0")
    yield server
    server.close()


def dead_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def announced(settings: Settings, name: str, port: int, pid: int) -> None:
    (settings.home / "run").mkdir(exist_ok=True)
    (settings.home / "run" / f"{name}.json").write_text(json.dumps({"pid": pid, "port": port}))


def test_a_process_says_what_it_waits_for(settings: Settings, features: TelemetryServer) -> None:
    (found,) = Fleet(settings).look().processes
    assert (found.name, found.pid, found.state) == ("features", os.getpid(), "not ready")
    assert [(check.name, check.detail) for check in found.unready()] == [("kafka", "no broker answers")]
    assert found.lag == (
        Waiting(topic="px.bars", partition=0, messages=40),
        Waiting(topic="px.bars", partition=1, messages=2),
    )
    assert found.waiting == 42
    assert found.value("signaltape_lag_messages", topic="px.bars") == 42
    assert found.value("process_resident_memory_bytes") > 1e6  # type: ignore[operator]


def test_what_died_hangs_or_is_something_else_is_shown_as_that(settings: Settings, features: TelemetryServer) -> None:
    pid = dead_pid()
    announced(settings, "store-0", 1, pid)
    announced(settings, "api-0-http", 1, pid)  # the API's own port, no process
    announced(settings, "drift-0", free_port(), os.getpid())
    with serving(_Endless) as other:
        announced(settings, "ingest-0", other, os.getpid())
        view = Fleet(settings).look()
    states = {process.name: process.state for process in view.processes}
    assert states == {"drift": "down", "features": "not ready", "ingest": "silent", "store": "down"}
    errors = {process.name: process.error for process in view.processes}
    assert errors["store"] == f"process {pid} ended without being stopped"
    assert "is no process of signaltape" in errors["ingest"]
    assert "nothing answers on 127.0.0.1:" in errors["drift"]
    assert set(view.missing) == {"drift", "inference", "ingest", "responder", "store"}


def test_those_that_hang_are_waited_for_at_once(settings: Settings) -> None:
    hasty = settings.model_copy(update={"fleet": settings.fleet.model_copy(update={"timeout_s": 0.5})})
    with socket.create_server(("127.0.0.1", 0), backlog=HANGING) as hanging:
        for number in range(HANGING):
            announced(settings, f"inference-{number}", hanging.getsockname()[1], os.getpid())
        begun = time.monotonic()
        view = Fleet(hasty).look()
        took_s = time.monotonic() - begun
    assert [process.state for process in view.processes] == ["silent"] * HANGING
    assert {process.error for process in view.processes} == {"no answer within 0.5 s: it hangs, or is stopped"}
    assert took_s < 0.5 * HANGING / 2


def test_a_process_that_took_the_place_of_another_is_not_taken_for_it(settings: Settings) -> None:
    """A port of one that died, or an announcement out of another container: somebody answers, and not who was meant."""
    with serving(_Store) as port:
        announced(settings, "store-0", port, os.getpid())
        announced(settings, "inference-0", port, os.getpid())
        inference, store = Fleet(settings).look().processes
    assert (store.name, store.state) == ("store", "ready")
    assert (inference.name, inference.state, dict(inference.samples)) == ("inference", "down", {})
    assert inference.error == f"on 127.0.0.1:{port} answers store instead: its own process is gone"


def test_targets_of_the_settings_take_the_place_of_announcements(tmp_path: Path, features: TelemetryServer) -> None:
    names = [f"features=127.0.0.1:{features.port}", "store=no-such-host.invalid:9100", "features=localhost:1"]
    settings = load_settings(home=tmp_path, fleet={"targets": names, "timeout_s": 30.0})
    assert targets(settings) == (
        Target(service="features", instance=0, host="127.0.0.1", port=features.port),
        Target(service="features", instance=1, host="127.0.0.1", port=1),
        Target(service="store", instance=0, host="no-such-host.invalid", port=9100),
    )
    states = [(process.name, process.state) for process in Fleet(settings).look().processes]
    assert states == [("features", "not ready"), ("features-1", "down"), ("store", "down")]


def test_nobody_is_there(settings: Settings) -> None:
    view = Fleet(settings).look()
    assert view.processes == ()
    assert view.total("signaltape_bars_total") is None


@pytest.mark.parametrize(
    "text", ["features", "features=:9100", "features=host:0", "features=host:70000", "A=b:1", "a=b..c:1"]
)
def test_a_target_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"fleet\.targets .*is not service=host:port"):
        load_settings(fleet={"targets": [text]})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return int(opened.getsockname()[1])


class _Endless(BaseHTTPRequestHandler):
    """Another program, whose page has no end."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(100_000):
                self.wfile.write(b"<p>hello</p>" * 1000)

    def log_message(self, *_: object) -> None:
        pass


class _Store(BaseHTTPRequestHandler):
    """A store that is ready, and says that it is one."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        ready = b'{"checks": {}, "lag_messages": {}}'
        self.wfile.write(ready if self.path == "/ready" else b'signaltape_build_info{service="store"} 1.0\n')

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server that answers so; its port."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
