"""The webhook against a real HTTP server, the file on a real disk."""

import json
import socket
import time
from pathlib import Path

import pytest

from consumers.responder.sinks import DeliveryFailed, JsonLines, Webhook
from schemas.codec import encode_json
from tests.support.guard_facts import alert
from tests.support.webhook_server import webhook_server

TOKEN = "topsecret-token"
BODY = encode_json(alert())


def hook(url: str, timeout_s: float = 30.0, limit: int = 32_768) -> Webhook:
    return Webhook(url, TOKEN, timeout_s, limit)


def test_an_alert_arrives_with_its_id_as_key_and_the_token() -> None:
    with webhook_server() as server:
        hook(server.url).send("a20000", BODY)
        (one,) = server.received
    assert (one.path, one.body) == ("/hook/secret-path?a=1", BODY)
    assert one.headers["Idempotency-Key"] == "a20000"
    assert one.headers["Authorization"] == f"Bearer {TOKEN}"
    assert one.headers["Content-Type"] == "application/json"


def test_without_a_token_none_is_sent() -> None:
    with webhook_server() as server:
        Webhook(server.url, "", 30.0, 32_768).send("a", BODY)
        assert "Authorization" not in server.received[0].headers


def test_an_id_can_not_add_a_header() -> None:
    with webhook_server() as server:
        hook(server.url).send("a\r\nX-Evil: 1", BODY)
        assert server.keys() == ["a%0D%0AX-Evil%3A%201"]


@pytest.mark.parametrize("status", [199 + 1, 299])
def test_any_success_is_one(status: int) -> None:
    with webhook_server() as server:
        server.status = status
        hook(server.url).send("a", BODY)


@pytest.mark.parametrize("status", [301, 307, 400, 404, 429, 500, 503])
def test_anything_else_is_a_failure_and_no_redirect_is_followed(status: int) -> None:
    with webhook_server() as server:
        server.status = status
        with pytest.raises(DeliveryFailed, match=f"^answered {status}$"):
            hook(server.url).send("a", BODY)
        assert len(server.received) == 1


@pytest.mark.parametrize("how", ["silent", "dripping"])
def test_the_timeout_holds_for_the_whole_request(how: str) -> None:
    with webhook_server() as server:
        setattr(server, how, True)
        begun = time.monotonic()
        with pytest.raises(DeliveryFailed, match=r"no answer within 0\.3 s|TimeoutError"):
            hook(server.url, timeout_s=0.3).send("a", BODY)
        assert time.monotonic() - begun < 20.0  # what drips goes on for ever


def test_nobody_there_is_a_failure_that_shows_neither_url_nor_token() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with pytest.raises(DeliveryFailed) as failure:
            hook(f"http://127.0.0.1:{held.getsockname()[1]}/secret-path").send("a", BODY)
    assert "ConnectionRefusedError" in str(failure.value)
    assert "secret" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_a_long_alert_is_sent_without_its_evidence() -> None:
    long = encode_json(alert(evidence={"numbers": list(range(20_000))}))
    with webhook_server() as server:
        hook(server.url).send("a", long)
        body = server.received[0].body
    assert len(body) <= 32_768
    assert json.loads(body)["evidence"] == {"evidence_omitted_bytes": len(long)}


def test_lines_are_appended_and_a_torn_one_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "alerts.jsonl"
    sink = JsonLines(path)
    sink.send("a", b'{"n":1}')
    with path.open("ab") as file:
        file.write(b'{"n":2,"torn')  # a crash in the middle of a line
    sink.send("b", b'{"n":3}')
    assert path.read_bytes() == b'{"n":1}\n{"n":2,"torn\n{"n":3}\n'


def test_a_file_that_can_not_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DeliveryFailed, match="Is a directory"):
        JsonLines(tmp_path / "folder").send("a", b"{}")
