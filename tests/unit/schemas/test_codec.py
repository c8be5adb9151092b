"""The codec gives back what it was given, and refuses what is no message, with the reason in one word."""

import dataclasses
import math
from typing import Any

import msgpack
import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.bars import BarBatch, Watermark
from schemas.codec import JSON_TYPES, TYPES, decode, decode_any, decode_json, encode, encode_json
from schemas.errors import DecodeError, EncodeError
from schemas.headers import JSON, MSGPACK
from tests.support.example_messages import ALERT, BARS, CLOSE, EXAMPLES, FEATURES, SIGNAL, as_plain
from tests.support.message_strategies import messages

NAN, INF = math.nan, math.inf
_ANY_VALUE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=9)
    | st.lists(st.integers(0, 9), max_size=3)
    | st.dictionaries(st.text(), st.none(), max_size=1)
)


def code_of(data: bytes | None) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(data)
    assert caught.value.detail
    return caught.value.code


def body_of(name: str = "BarBatch", **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgpack.unpackb(encode(EXAMPLES[name])) | changes
    return {key: value for key, value in body.items() if value is not ...}


@pytest.mark.parametrize("name", sorted(TYPES))
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_every_message_survives_messagepack(name: str, data: st.DataObject) -> None:
    message = data.draw(messages(name))
    assert as_plain(decode(encode(message))) == as_plain(message)


@pytest.mark.parametrize("name", sorted(JSON_TYPES))
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_every_json_message_survives_json(name: str, data: st.DataObject) -> None:
    message = data.draw(messages(name))
    assert as_plain(decode_json(encode_json(message))) == as_plain(message)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    for read in (decode, decode_json):
        with pytest.raises(DecodeError):
            read(data)


@given(name=st.sampled_from(sorted(TYPES)), cut=st.floats(0, 1, exclude_max=True))
def test_a_truncated_message_is_undecodable(name: str, cut: float) -> None:
    data = encode(EXAMPLES[name])
    assert code_of(data[: int(len(data) * cut)]) == "undecodable"


@given(
    name=st.sampled_from(sorted(TYPES)),
    value=_ANY_VALUE,
    data=st.data(),
)  # fmt: skip
@settings(max_examples=400)
def test_a_field_of_any_other_kind_is_refused_or_taken_but_never_crashes(
    name: str, value: Any, data: st.DataObject
) -> None:
    body = body_of(name)
    body[data.draw(st.sampled_from(sorted(body)))] = value
    try:
        message = decode(msgpack.packb(body))
    except DecodeError:
        return
    if name != "BarBatch":  # the NaN of a bar's column is a fault of the row, and never encoded again
        assert as_plain(decode(encode(message))) == as_plain(message)


@pytest.mark.parametrize(
    ("expected", "data"),
    [
        ("undecodable", None),
        ("undecodable", b""),
        ("undecodable", b"\xc1"),
        ("undecodable", b"not messagepack"),
        ("undecodable", msgpack.packb([1, 2])),
        ("undecodable", msgpack.packb({1: 2})),
        ("missing_field", msgpack.packb({})),
        ("missing_field", msgpack.packb(body_of(v=...))),
        ("missing_field", msgpack.packb(body_of(type=...))),
        ("missing_field", msgpack.packb(body_of(close=...))),
        ("missing_field", msgpack.packb(body_of(feed=...))),
        ("missing_field", msgpack.packb(body_of(feed=None))),
        ("missing_field", msgpack.packb(body_of("FeatureBatch", link=...))),
        ("unknown_version", msgpack.packb(body_of(v=2))),
        ("unknown_version", msgpack.packb(body_of(v=0))),
        ("wrong_type", msgpack.packb(body_of(v="1"))),
        ("wrong_type", msgpack.packb(body_of(v=True))),
        ("wrong_type", msgpack.packb(body_of(type=["BarBatch"]))),
        ("unknown_type", msgpack.packb(body_of(type="Quote"))),
        ("wrong_type", msgpack.packb(body_of(event_time=float(CLOSE)))),
        ("wrong_type", msgpack.packb(body_of(event_time=2**63))),
        ("wrong_type", msgpack.packb(body_of(event_time="2024-01-01T00:00:00"))),
        ("wrong_type", msgpack.packb(body_of(symbols=["A", 1, "C"]))),
        ("wrong_type", msgpack.packb(body_of(open=[1.0, 2.0, 3.0]))),
        ("wrong_type", msgpack.packb(body_of(revision=-1))),
        ("wrong_type", msgpack.packb(body_of(feed=""))),
        ("wrong_type", msgpack.packb(body_of(feed="f" * 129))),
        ("wrong_type", msgpack.packb(body_of(source="a\0b"))),
        ("wrong_type", msgpack.packb(body_of("Watermark", state="shut"))),
        ("wrong_type", msgpack.packb(body_of("ControlEvent", action="destroy"))),
        ("wrong_type", msgpack.packb(body_of("Adjustment", factor=0.0))),
        ("wrong_type", msgpack.packb(body_of("Adjustment", factor=NAN))),
        ("wrong_type", msgpack.packb(body_of("Signal", score=INF))),
        ("wrong_type", msgpack.packb(body_of("Alert", evidence={"ic": NAN}))),
        ("wrong_type", msgpack.packb(body_of("FeatureBatch", link={"position": [1], "last_part": 0}))),
        ("length_mismatch", msgpack.packb(body_of(open=b"\0" * 16))),
        ("length_mismatch", msgpack.packb(body_of(open=b"\0" * 23))),
        ("length_mismatch", msgpack.packb(body_of(volume_valid=b"\0\0"))),
        ("length_mismatch", msgpack.packb(body_of(symbols=["A", "B"]))),
        ("length_mismatch", msgpack.packb(body_of("FeatureBatch", width=3))),
        ("length_mismatch", msgpack.packb(body_of("FeatureBatch", width=-1))),
        ("length_mismatch", msgpack.packb(body_of(symbols=[], volume_valid=b"", **dict.fromkeys(
            ("open", "high", "low", "close", "volume"), b"")))),
        ("unknown_interval", msgpack.packb(body_of(interval="7m"))),
        ("unknown_interval", msgpack.packb(body_of("StateRepair", interval="7m"))),
        ("wrong_type", msgpack.packb(body_of("StateRepair", as_of_offset=-2))),
        ("wrong_type", msgpack.packb(body_of("StateRepair", last_event_time=0))),
        ("too_large", msgpack.packb(body_of("StateRepair", state=bytes(codec.MAX_STATE_BYTES + 1)))),
        ("off_grid", msgpack.packb(body_of(event_time=CLOSE + 1_000))),
        ("off_grid", msgpack.packb(body_of(event_time=0))),
        ("off_grid", msgpack.packb(body_of(interval="1d", event_time=CLOSE + 1))),
        ("not_finite", msgpack.packb(body_of("FeatureBatch", close=np.array([1.0, NAN, 3.0]).tobytes()))),
        ("not_finite", msgpack.packb(body_of("ReturnBatch", log_return=np.array([INF, 0.0]).tobytes()))),
    ],
)  # fmt: skip
def test_what_is_refused(expected: str, data: bytes | None) -> None:
    assert code_of(data) == expected


def test_a_message_over_the_limit_is_refused_before_it_is_read() -> None:
    assert code_of(b"\x80" + b"\0" * codec.MAX_BYTES) == "too_large"


def test_more_symbols_than_the_limit_are_refused() -> None:
    assert code_of(msgpack.packb(body_of(symbols=["A"] * 50_001))) in ("wrong_type", "length_mismatch")


@pytest.mark.parametrize("price", [NAN, INF, -INF])
def test_a_nan_in_a_bar_is_decoded_because_it_is_the_fault_of_its_row_only(price: float) -> None:
    message = decode(msgpack.packb(body_of(close=np.array([price, 1.0, 2.0]).tobytes())))
    assert isinstance(message, BarBatch)
    assert repr(message.close[0]) == repr(np.float64(price))
    assert message.close.tolist()[1:] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (BARS, "close", np.array([NAN, 1.0, 2.0])),
        (BARS, "close", np.array([INF, 1.0, 2.0])),
        (BARS, "close", np.array([1.0, 2.0])),
        (BARS, "close", [1.0, 2.0, 3.0]),
        (BARS, "close", np.array([1.0 + 1j, 2.0, 3.0])),
        (BARS, "event_time", 1.5),
        (BARS, "event_time", 2**63),
        (BARS, "symbols", ("A", "B", "\ud800")),
        (FEATURES, "width", 3),
        (FEATURES, "values", np.full((3, 2), NAN)),
        (FEATURES, "available_time", np.array([1.0, 2.0, 3.0])),
        (SIGNAL, "score", NAN),
        (SIGNAL, "models", ["a", 1]),
        (ALERT, "evidence", {"ic": INF}),
        (ALERT, "evidence", {"ic": object()}),
        (ALERT, "evidence", {1: 2}),
        (ALERT, "window", (1, 2, 3)),
    ],
)
def test_what_is_not_encoded(message: Any, field: str, value: Any) -> None:
    with pytest.raises(EncodeError, match=message.TYPE):
        encode(dataclasses.replace(message, **{field: value}))


def test_only_messages_are_encoded() -> None:
    with pytest.raises(EncodeError, match="dict"):
        encode({"v": 1})  # type: ignore[arg-type]


def test_a_batch_over_the_size_limit_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_BYTES", 200)
    with pytest.raises(EncodeError, match="fewer symbols"):
        encode(BARS)


def test_a_full_cross_section_fits() -> None:
    rows, width = 5_000, 34
    message = dataclasses.replace(
        FEATURES,
        width=width,
        symbols=tuple(f"S{row}" for row in range(rows)),
        values=np.ones((rows, width)),
        valid=np.ones((rows, width), np.bool_),
        close=np.ones(rows),
        available_time=np.ones(rows, np.int64),
    )
    assert len(encode(message)) < codec.MAX_BYTES


def test_a_transposed_matrix_travels_row_by_row() -> None:
    columns_first = np.asfortranarray(FEATURES.values)
    assert encode(dataclasses.replace(FEATURES, values=columns_first)) == encode(FEATURES)


def test_decoded_columns_can_not_be_changed() -> None:
    message = decode(encode(BARS))
    assert isinstance(message, BarBatch)
    with pytest.raises(ValueError, match="read-only"):
        message.close[0] = 1.0


def test_columns_have_no_json_form() -> None:
    with pytest.raises(EncodeError, match="MessagePack"):
        encode_json(BARS)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"v": 1, "type": "Signal", "score": NaN}'])
def test_bad_json_is_undecodable(data: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_json(data)
    assert caught.value.code == "undecodable"


def test_json_of_a_signal_with_a_missing_field() -> None:
    body = orjson.loads(encode_json(SIGNAL))
    del body["seq"]
    with pytest.raises(DecodeError, match="missing_field: Signal has no field seq"):
        decode_json(orjson.dumps(body))


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        (JSON, encode_json(SIGNAL)),
        ("application/json; charset=utf-8", encode_json(SIGNAL)),
        ("application/cloudevents+json", encode_json(SIGNAL)),
        (MSGPACK, encode(SIGNAL)),
        ("", encode(SIGNAL)),
    ],
)
def test_the_content_type_says_which(content_type: str, data: bytes) -> None:
    assert as_plain(decode_any(data, content_type)) == as_plain(SIGNAL)


def test_a_link_that_is_null_is_none() -> None:
    message = decode(msgpack.packb(body_of("Watermark", link=None, partition_time=None)))
    assert isinstance(message, Watermark)
    assert message.link is None
    assert message.partition_time is None
