"""One rule for control events: who obeys them and who keeps them refuse the same ones."""

from dataclasses import replace

import msgpack
import pytest

from schemas.codec import decode, encode
from schemas.control import ControlEvent, control_fault
from schemas.errors import DecodeError
from schemas.names import MAX_NAME

GOOD = ControlEvent(
    event_id="e", action="activate", effective_from=0, issued_at=0, issued_by="op", strategy="alpha", model="m",
    model_version=1,
)  # fmt: skip
FAULTS = [
    ({"strategy": "a\0b"}, "strategy has 3 characters"),
    ({"strategy": "x" * (MAX_NAME + 1)}, f"strategy has {MAX_NAME + 1} characters, expected 1 to {MAX_NAME}"),
    ({"model": "m" * 4_000}, "model has 4000 characters"),
    ({"symbols": ("A", "")}, "a symbol has 0 characters"),
    ({"symbols": ("A\0",)}, "a symbol has 2 characters"),
    ({"reason": "because\0"}, "reason contains the character NUL"),
    ({"cause": "\0"}, "cause contains"),
    ({"issued_by": "\0"}, "issued_by contains"),
    ({"event_id": "\0"}, "event_id contains"),
    ({"parameters": {"note": ["deep", {"in\0": 1}]}}, "a parameter contains"),
    ({"model_version": 2**31}, "model_version 2147483648 is out of range"),
]


@pytest.mark.parametrize(("changes", "message"), FAULTS)
def test_what_can_not_be_kept_is_not_decoded(changes: dict[str, object], message: str) -> None:
    assert message in control_fault(replace(GOOD, **changes))  # type: ignore[arg-type]
    body = msgpack.unpackb(encode(GOOD)) | changes  # by hand: a NUL in a text is not even encoded
    with pytest.raises(DecodeError, match=r"unstorable|wrong_type"):
        decode(msgpack.packb(body))


def test_what_can_be_kept() -> None:
    full = replace(
        GOOD, strategy="s" * MAX_NAME, symbols=("A", "Å" * MAX_NAME), parameters={"long": 0.5, "symbols": ["A"]},
        model_version=2**31 - 1, reason="r" * 4_000,
    )  # fmt: skip
    for event in (GOOD, full, replace(GOOD, strategy="", model="", model_version=0)):
        assert control_fault(event) == ""
        assert decode(encode(event)) == event
    assert msgpack.unpackb(encode(GOOD))["strategy"] == "alpha"
