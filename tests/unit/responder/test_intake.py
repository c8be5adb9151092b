"""Records of ``alerts`` that are no alert, or none that can be kept: a reason each, and never an end of the service."""

from typing import Any

import msgpack
import pytest

from consumers.responder.intake import alert_of
from infra.broker.reading import Record
from schemas.codec import encode, encode_json
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from tests.support.guard_facts import alert

BODY: dict[str, Any] = msgpack.unpackb(encode(alert()))


def record(value: bytes | None, content_type: bytes | None = None) -> Record:
    return Record("alerts", 0, 7, 0, None, value, (("content-type", content_type),))


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"x": found}
    return found


def test_both_forms_are_taken() -> None:
    assert alert_of(record(encode(alert()))) == alert()
    assert alert_of(record(encode_json(alert()), b"application/json")) == alert()


CONTROL = ControlEvent(event_id="e", action="pause", effective_from=0, issued_at=0, issued_by="x")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "undecodable"),
        (b"\xc1", "undecodable"),
        (encode_json(alert()), "undecodable"),  # JSON that doesn't say so
        (encode(CONTROL), "unexpected_type"),
        (msgpack.packb(BODY | {"severity": "fatal"}), "unusable"),
        (msgpack.packb(BODY | {"strategy": None}), "missing_field"),
        (msgpack.packb(BODY | {"evidence": {"a": float("nan")}}), "wrong_type"),
        (msgpack.packb(BODY | {"evidence": {"a": b"raw"}}), "wrong_type"),
        (msgpack.packb(BODY | {"evidence": nested(300)}), "unusable"),
        (msgpack.packb(BODY | {"evidence": nested(500)}), "unusable"),
        (msgpack.packb(BODY | {"evidence": {"a": "\0"}}), "unusable"),
    ],
)
def test_a_bad_message_has_a_reason(value: bytes | None, code: str) -> None:
    with pytest.raises(DecodeError) as refused:
        alert_of(record(value))
    assert refused.value.code == code
