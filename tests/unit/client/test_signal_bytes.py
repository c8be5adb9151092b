"""The quick way of reading a signal says the same as the codec, or nothing."""

from dataclasses import replace
from typing import Any

import msgpack
import pytest

from schemas.codec import decode, encode
from schemas.signal_bytes import decode_signal, encode_signal
from tests.support.example_messages import SIGNAL

BODY: dict[str, Any] = msgpack.unpackb(encode(SIGNAL))


def test_signals_are_read_as_the_codec_reads_them() -> None:
    other = replace(SIGNAL, models=(), score=-1e308, confidence=1.0, seq=0, symbol="Å")
    for signal in (SIGNAL, other):
        data = encode(signal)
        assert decode_signal(data) == decode(data) == signal
        assert encode_signal(signal) == data


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"type": "Notice"},
        {"new_field": 1},
        {"score": 1},
        {"score": float("nan")},
        {"confidence": float("inf")},
        {"seq": "17"},
        {"seq": True},
        {"event_time": 2**63},
        {"source": [1]},
        {"source": [1, "2"]},
        {"source": [1, 2**63]},
        {"models": ["ridge:2", 7]},
        {"symbol": "A\0B"},
        {"symbol": b"ACME"},
        {"symbol": "x" * 5_000},
        {"strategy": None},
    ],
)
def test_everything_else_is_left_to_the_codec(changes: dict[str, Any]) -> None:
    assert decode_signal(msgpack.packb(BODY | changes)) is None


@pytest.mark.parametrize("data", [b"", b"\xc1", b"{}", msgpack.packb([1]), encode(SIGNAL)[:-1], encode(SIGNAL) + b"x"])
def test_what_is_no_message_is_none(data: bytes) -> None:
    assert decode_signal(data) is None


def test_fields_in_another_order_are_left_to_the_codec() -> None:
    data = msgpack.packb(dict(sorted(BODY.items())))
    assert decode_signal(data) is None
    assert decode(data) == SIGNAL
