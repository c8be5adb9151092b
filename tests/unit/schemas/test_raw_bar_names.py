"""What a record of ``bars-in`` names, whether or not its bar can be taken."""

import json

import msgpack
import pytest

from schemas.raw_bar import named_in

BODY = {"symbol": "A", "interval": "1m", "event_time": 60_000_000_000, "high": 1, "low": 2}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (json.dumps(BODY).encode(), ("A", "1m", 60_000_000_000)),  # a price is missing, another one wrong
        (msgpack.packb(BODY), ("A", "1m", 60_000_000_000)),
        (json.dumps(BODY | {"event_time": "1970-01-01T00:01:00Z"}).encode(), ("A", "1m", 60_000_000_000)),
        (json.dumps(BODY | {"event_time": "1970-01-01T00:01:00"}).encode(), None),  # no zone
        (json.dumps({"symbol": "A"}).encode(), None),
        (json.dumps(BODY | {"symbol": 7}).encode(), None),
        (b"\xc1", None),
        (None, None),
    ],
)
def test_names(data: bytes | None, found: object) -> None:
    assert named_in(data) == found
