"""One bar from a client that knows nothing of this project: what is taken, and each way in which it is refused."""

import contextlib
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DecodeError
from schemas.raw_bar import MAX_RAW_BYTES, RawBar, decode_raw_bar

NS = 1_700_000_040_000_000_000
BAR: dict[str, Any] = {
    "symbol": "ACME",
    "interval": "1m",
    "event_time": NS,
    "open": 10,
    "high": 10.2,
    "low": 9.9,
    "close": 10.1,
}
NAN, INF = float("nan"), float("inf")


def packed(**changes: Any) -> bytes:
    data: bytes = msgpack.packb({key: value for key, value in (BAR | changes).items() if value is not ...})
    return data


def code_of(data: bytes | None) -> str:
    with pytest.raises(DecodeError) as caught:
        decode_raw_bar(data)
    return caught.value.code


@pytest.mark.parametrize("data", [packed(), json.dumps(BAR).encode()])
def test_both_forms_are_taken(data: bytes) -> None:
    expected = RawBar(
        symbol="ACME", interval="1m", event_time=NS, open=10.0, high=10.2, low=9.9, close=10.1, volume=None
    )
    assert decode_raw_bar(data) == expected


def test_all_fields() -> None:
    more = {"volume": 7, "source": "v", "feed": "f", "revision": 2, "available_time": NS + 5, "colour": "red"}
    bar = decode_raw_bar(packed(**more))
    assert (bar.volume, bar.source, bar.feed, bar.revision, bar.available_time) == (7.0, "v", "f", 2, NS + 5)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2023-11-14T22:14:00Z", NS),
        ("2023-11-14T22:14:00+00:00", NS),
        ("2023-11-14T23:14:00+01:00", NS),
        ("2023-11-14T22:14:00.000000+00:00", NS),
        ("1970-01-01T00:01:00Z", 60_000_000_000),
    ],
)
def test_times_as_text_need_a_zone_and_keep_every_microsecond(text: str, time: int) -> None:
    assert decode_raw_bar(packed(event_time=text)).event_time == time


def test_a_missing_volume_is_allowed() -> None:
    assert decode_raw_bar(packed()).volume is None
    assert decode_raw_bar(packed(volume=None)).volume is None
    assert decode_raw_bar(packed(volume=0)).volume == 0.0


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("undecodable", None),
        ("undecodable", b""),
        ("undecodable", b"{not json"),
        ("undecodable", b"\xc1"),
        ("undecodable", msgpack.packb([1])),
        ("undecodable", b"[1]"),
        ("undecodable", b'{"symbol": "A", "close": NaN}'),
        ("too_large", b"{" + b" " * MAX_RAW_BYTES),
        ("unknown_version", packed(v=2)),
        ("missing_field", packed(symbol=...)),
        ("missing_field", packed(event_time=...)),
        ("missing_field", packed(close=...)),
        ("bad_symbol", packed(symbol="")),
        ("bad_symbol", packed(symbol=7)),
        ("bad_symbol", packed(symbol="a\0")),
        ("bad_symbol", packed(symbol="x" * 129)),
        ("unknown_interval", packed(interval="7m")),
        ("unknown_interval", packed(interval=["1m"])),
        ("off_grid", packed(event_time=NS + 1_000)),
        ("off_grid", packed(event_time=NS // 1_000_000_000)),
        ("off_grid", packed(interval="1d", event_time=NS + 1)),
        ("off_grid", packed(event_time=-NS)),
        ("naive_time", packed(event_time="2023-11-14T22:14:00")),
        ("wrong_type", packed(event_time="yesterday")),
        ("wrong_type", packed(event_time=float(NS))),
        ("wrong_type", packed(event_time=2**63)),
        ("wrong_type", packed(close="10.1")),
        ("wrong_type", packed(close=True)),
        ("wrong_type", packed(close=None)),
        ("wrong_type", packed(source=5)),
        ("wrong_type", packed(revision=-1)),
        ("wrong_type", packed(revision=1.5)),
        ("not_finite", packed(close=NAN)),
        ("not_finite", packed(high=INF)),
        ("not_finite", packed(volume=NAN)),
        ("non_positive_price", packed(low=0)),
        ("non_positive_price", packed(close=-10.1)),
        ("high_below_low", packed(high=9.5, open=9.7, close=9.7)),
        ("open_outside_range", packed(open=10.3)),
        ("close_outside_range", packed(close=9.8)),
        ("negative_volume", packed(volume=-1)),
    ],
)
def test_what_is_refused(code: str, data: bytes | None) -> None:
    assert code_of(data) == code


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_with_a_reason(data: bytes) -> None:
    assert code_of(data)


@given(
    name=st.sampled_from([*BAR, "volume", "source", "feed", "revision", "available_time", "v"]),
    value=st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=30)
    | st.binary(max_size=9) | st.lists(st.integers(), max_size=2),
)  # fmt: skip
def test_any_value_of_a_field_is_taken_or_refused_with_a_reason(name: str, value: Any) -> None:
    try:
        data = packed(**{name: value})
    except (OverflowError, UnicodeEncodeError):
        return
    with contextlib.suppress(DecodeError):
        bar = decode_raw_bar(data)
        assert bar.low <= bar.close <= bar.high
