"""What stands before the application, without a server: ASGI messages in, ASGI messages out."""

from typing import Any

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
