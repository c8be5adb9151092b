"""Our headers are CloudEvents: the cloudevents library reads them, and writes the same."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary

from schemas.codec import encode, encode_json
from schemas.headers import JSON, MSGPACK, event_headers
from tests.support.example_messages import CLOSE, SIGNAL


class Untouched:
    """A format that leaves the data as it is: the binding of headers is what is tested."""

    def write_data(self, data: bytes, datacontenttype: str | None) -> bytes:
        return data

    def read_data(self, body: bytes, datacontenttype: str | None) -> bytes:
        return body

    def get_content_type(self) -> str:
        return MSGPACK


def parse(headers: list[tuple[str, bytes]], value: bytes) -> Any:
    return from_binary(KafkaMessage(headers=dict(headers), key=b"AAPL", value=value), Untouched())  # type: ignore[arg-type]


@pytest.mark.parametrize(("content_type", "value"), [(MSGPACK, encode(SIGNAL)), (JSON, encode_json(SIGNAL))])
def test_the_library_reads_our_headers(content_type: str, value: bytes) -> None:
    event = parse(event_headers("Signal", SIGNAL.signal_id, "inference/0", CLOSE, content_type), value)
    assert event.get_id() == SIGNAL.signal_id
    assert event.get_source() == "inference/0"
    assert event.get_type() == "signaltape.Signal"
    assert event.get_specversion() == "1.0"
    assert event.get_time() == datetime(2023, 11, 14, 22, 14, tzinfo=UTC)
    assert event.get_dataschema() == "urn:signaltape:Signal:1"
    assert event.get_datacontenttype() == content_type
    assert event.get_data() == value


@pytest.mark.parametrize("time_ns", [CLOSE, CLOSE + 1_000, 1_000_000_000])
def test_the_library_writes_what_we_write(time_ns: int) -> None:
    headers = event_headers("Signal", "id-1", "inference/0", time_ns)
    written = to_binary(parse(headers, b"value"), Untouched(), key_mapper=lambda _: b"AAPL")  # type: ignore[arg-type]
    assert {name: value for name, value in written.headers.items() if name != "ce_partitionkey"} == dict(headers)
    assert written.value == b"value"
