"""What stands before the application, without a server: ASGI messages in, ASGI messages out."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from infra.api_settings import ApiSettings
from signaltape.http.guard import Guard


async def handled(*messages: Message) -> tuple[list[bytes], list[Message]]:
    """The bodies that the application was given, and what was sent, for a POST announced with 14 bytes."""
    bodies: list[bytes] = []
    sent: list[Message] = []
    waiting = list(messages)

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        assert not message["more_body"]
        bodies.append(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": "/pause", "raw_path": b"/pause", "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"14")],
    }  # fmt: skip
    await Guard(app, ApiSettings())(scope, receive, send)
    return bodies, sent


def piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_pieces_is_handed_on_as_one() -> None:
    bodies, sent = await handled(piece(b'{"reas', more=True), piece(b'on":"x"}', more=False))
    assert bodies == [b'{"reason":"x"}']
    assert sent[0]["status"] == 200


async def test_a_body_that_is_broken_off_reaches_no_handler() -> None:
    bodies, sent = await handled(piece(b'{"reason":"x"}', more=True), {"type": "http.disconnect"})
    assert bodies == []
    assert sent == [], "there is nobody to answer"


async def timed(path: str, answer_s: float, *, body_s: float = 0.0) -> list[Message]:
    """What is sent for a request whose body takes ``body_s`` and its answer ``answer_s``; the limit is 0.05 s, of some
    paths another."""
    sent: list[Message] = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(answer_s)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        await asyncio.sleep(body_s)
        return piece(b"{}", more=False)

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"2")],
    }  # fmt: skip
    await Guard(app, ApiSettings(request_timeout_s=0.05), {"/patient": 30.0, "/hasty": 0.4, "/endless": None})(
        scope, receive, send
    )
    return sent


@pytest.mark.parametrize(
    ("path", "answer_s", "body_s", "status", "said"),
    [
        ("/any", 0.3, 0.0, 504, b"no answer within 0.05 s"),
        ("/patient", 0.2, 0.0, 200, b""),
        ("/hasty", 5.0, 0.0, 504, b"no answer within 0.4 s"),
        ("/endless", 0.5, 0.0, 200, b""),
        ("/patient", 0.0, 0.2, 504, b"no answer within 0.05 s"),  # a body has the limit of all requests
        ("/endless", 0.0, 0.2, 504, b"no answer within 0.05 s"),
    ],
)
async def test_limits_of_time(path: str, answer_s: float, body_s: float, status: int, said: bytes) -> None:
    sent = await timed(path, answer_s, body_s=body_s)
    assert sent[0]["status"] == status
    assert said in sent[1]["body"]
