"""/metrics, /health and /ready over real HTTP."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import OperatorError
from infra.telemetry.health import Health
from infra.telemetry.metrics import BARS
from infra.telemetry.server import TelemetryServer


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def server(health: Health) -> Iterator[TelemetryServer]:
    started = TelemetryServer("127.0.0.1", 0, health)
    yield started
    started.close()


def get(server: TelemetryServer, path: str, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def test_health_is_about_being_alive_only(server: TelemetryServer, health: Health) -> None:
    health.ready("postgres", False, "away")
    assert get(server, "/health")[0] == 200


def test_ready_follows_the_conditions(server: TelemetryServer, health: Health) -> None:
    assert get(server, "/ready")[0] == 503
    health.ready("started", True)
    health.progress("bars.v1", 2, 10, 4)
    status, kind, body = get(server, "/ready")
    assert (status, kind) == (200, "application/json")
    assert json.loads(body)["lag_messages"] == {"bars.v1[2]": 4}


def test_metrics_in_both_formats(server: TelemetryServer, health: Health) -> None:
    BARS.labels(outcome="accepted").inc(7)
    health.progress("bars.v1", 2, 10, 4)
    status, kind, body = get(server, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert 'signaltape_bars_total{outcome="accepted"}' in body
    assert 'signaltape_lag_messages{partition="2",topic="bars.v1"} 4.0' in body
    _, kind, body = get(server, "/metrics", Accept="application/openmetrics-text")
    assert kind.startswith("application/openmetrics-text")
    assert body.rstrip().endswith("# EOF")


def test_other_paths_say_what_there_is(server: TelemetryServer) -> None:
    status, _, body = get(server, "/")
    assert status == 404
    assert "/ready" in body


def test_the_port_is_announced_and_taken_back(tmp_path: Path, health: Health) -> None:
    server = TelemetryServer("127.0.0.1", 0, health)
    server.announce(tmp_path / "run", "features-0")
    announced = tmp_path / "run" / "features-0.json"
    assert json.loads(announced.read_text())["port"] == server.port
    server.close()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_successors_announcement_stays(tmp_path: Path, health: Health) -> None:
    server = TelemetryServer("127.0.0.1", 0, health)
    server.announce(tmp_path, "features-0")
    (tmp_path / "features-0.json").write_text('{"pid": 1, "port": 5}')
    server.close()
    assert json.loads((tmp_path / "features-0.json").read_text())["port"] == 5


def test_a_port_that_is_taken_is_named(server: TelemetryServer, health: Health) -> None:
    with pytest.raises(OperatorError, match=rf"127.0.0.1:{server.port} .*SIGNALTAPE_METRICS__PORT"):
        TelemetryServer("127.0.0.1", server.port, health)
