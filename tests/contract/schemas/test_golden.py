"""The wire stands still: the bytes of every message type are checked in, and read here without the codec."""

import json
import struct
from typing import Any

import msgpack
import pytest

from schemas.codec import JSON_TYPES, TYPES, decode, decode_json, encode
from tests.support.example_messages import BARS, CLOSE, EXAMPLES, FEATURES, SIGNAL, as_plain
from tests.support.golden import FOLDER, golden_bytes


def bare(name: str) -> dict[str, Any]:
    """A golden file as the bare msgpack library reads it."""
    body: dict[str, Any] = msgpack.unpackb((FOLDER / f"{name}.msgpack").read_bytes())
    return body


def doubles(data: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(data) // 8}d", data))


def integers(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 8}q", data))


def bits(data: bytes, count: int) -> list[bool]:
    return [bool(data[place // 8] >> (place % 8) & 1) for place in range(count)]


def test_every_type_has_a_golden_file_and_no_file_is_left_over() -> None:
    expected = {f"{name}.msgpack" for name in TYPES} | {f"{name}.json" for name in JSON_TYPES}
    assert {path.name for path in FOLDER.iterdir()} == expected


@pytest.mark.parametrize("file", sorted(golden_bytes()))
def test_encoding_gives_the_golden_bytes(file: str) -> None:
    assert golden_bytes()[file] == (FOLDER / file).read_bytes()


@pytest.mark.parametrize("name", sorted(TYPES))
def test_golden_bytes_decode_to_the_message(name: str) -> None:
    assert as_plain(decode((FOLDER / f"{name}.msgpack").read_bytes())) == as_plain(EXAMPLES[name])


@pytest.mark.parametrize("name", sorted(JSON_TYPES))
def test_golden_json_decodes_to_the_message(name: str) -> None:
    assert as_plain(decode_json((FOLDER / f"{name}.json").read_bytes())) == as_plain(EXAMPLES[name])


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_message_names_its_version_and_type_first(name: str) -> None:
    body = bare(name)
    assert list(body)[:2] == ["v", "type"]
    assert (body["v"], body["type"]) == (1, name)


def test_bars_read_with_the_bare_library() -> None:
    body = bare("BarBatch")
    assert body["feed"] == "alpha"
    assert body["interval"] == "1m"
    assert body["event_time"] == CLOSE
    assert body["revision"] == 1
    assert body["symbols"] == ["AAPL", "MSFT", "Å"]
    assert doubles(body["high"]) == [10.5, 21.0, 0.3]
    assert doubles(body["volume"]) == [1200.0, 0.0, 7.0]
    assert bits(body["volume_valid"], 3) == [True, False, True]


def test_features_read_with_the_bare_library() -> None:
    body = bare("FeatureBatch")
    assert body["link"] == {"position": [41, 0], "last_part": 1, "previous": [40, 2]}
    assert doubles(body["values"]) == [1.5, -2.5, 0.0, 4.0, 1e-300, 1e300]
    assert bits(body["valid"], 6) == [True, True, False, True, True, True]
    assert integers(body["available_time"]) == [CLOSE, CLOSE + 1_000, CLOSE + 2_000]


def test_predictions_read_with_the_bare_library() -> None:
    body = bare("PredictionBatch")
    assert body["source_position"] == [41, 0]
    assert list(body["direction"]) == [1, 0]
    assert doubles(body["score"]) == [0.004, -0.001]


def test_a_signal_as_json_is_what_gateways_know() -> None:
    body = json.loads((FOLDER / "Signal.json").read_bytes())
    assert body["symbol"] == "AAPL"
    assert body["signal"] == "long"
    assert body["score"] == 0.004
    assert body["timestamp"] == SIGNAL.event_time / 1e9
    assert body["event_time"] == CLOSE


def test_a_chain_begins_without_previous() -> None:
    assert "previous" not in bare("ReturnBatch")["link"]


def test_bars_written_with_the_bare_library_are_read() -> None:
    body = {
        "v": 1,
        "type": "BarBatch",
        "feed": "alpha",
        "source": "vendor",
        "interval": "1m",
        "event_time": CLOSE,
        "available_time": CLOSE + 2_000_000,
        "revision": 1,
        "symbols": ["AAPL", "MSFT", "Å"],
        "open": struct.pack("<3d", 10.0, 20.5, 0.1),
        "high": struct.pack("<3d", 10.5, 21.0, 0.3),
        "low": struct.pack("<3d", 9.5, 20.0, 0.1),
        "close": struct.pack("<3d", 10.25, 20.75, 0.2),
        "volume": struct.pack("<3d", 1200.0, 0.0, 7.0),
        "volume_valid": bytes([0b101]),
        "colour": "keys that are not known are ignored",
    }
    assert as_plain(decode(msgpack.packb(body))) == as_plain(BARS)


def test_features_written_with_the_bare_library_are_read() -> None:
    body = bare("FeatureBatch") | {"values": struct.pack("<6d", 1.5, -2.5, 0.0, 4.0, 1e-300, 1e300)}
    assert as_plain(decode(msgpack.packb(body))) == as_plain(FEATURES)


def test_what_is_none_is_left_out() -> None:
    from schemas.bars import Watermark

    body = msgpack.unpackb(encode(Watermark(feed="a", event_time=1, state="open")))
    assert body == {"v": 1, "type": "Watermark", "feed": "a", "event_time": 1, "state": "open"}
