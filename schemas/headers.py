"""Kafka headers: CloudEvents' binary binding on every message, Kafka Connect's names on dead letters."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

Headers = list[tuple[str, bytes]]

MSGPACK = "application/vnd.msgpack"
JSON = "application/json"
#: On feature vectors: when their bars were written. Not a function of the log's content, and so no part of the message.
WRITTEN = "signaltape.written-ms"
_MOST_DIGITS = 19
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPE_PREFIX = "signaltape."
#: W3C Trace Context: version, trace, parent, flags.
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def iso_time(time_ns: int) -> str:
    """Return ns UTC as RFC 3339 text with microseconds."""
    return (_EPOCH + timedelta(microseconds=time_ns // 1_000)).isoformat().replace("+00:00", "Z")


def event_headers(kind: str, event_id: str, source: str, time_ns: int, content_type: str = MSGPACK) -> Headers:
    """Return CloudEvents headers of a message of type ``kind``; ``source`` names the writer, ``time_ns`` its event."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", (_TYPE_PREFIX + kind).encode()),
        ("ce_time", iso_time(time_ns).encode()),
        ("ce_dataschema", f"urn:signaltape:{kind}:1".encode()),
        ("content-type", content_type.encode()),
    ]


def traceparent(headers: Iterable[tuple[str, bytes | None]] | None) -> Headers:
    """Return the trace headers of an input, to be copied to its one output."""
    return [(name, value) for name, value in headers or () if name in ("traceparent", "tracestate") and value]


def trace_id(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """Return the id of the trace that a message belongs to (32 hex digits); None without one, or of another form."""
    found = _TRACEPARENT.match(next((value for name, value in headers if name == "traceparent"), None) or b"")
    return found[1].decode() if found is not None else None


def written_headers(timestamp_ms: int) -> Headers:
    """Return the header that says when the record was written (ms since 1970) that a message was derived from."""
    return [(WRITTEN, str(timestamp_ms).encode())] if timestamp_ms >= 0 else []


def written_ms(headers: Iterable[tuple[str, bytes | None]]) -> int | None:
    """Return what ``written_headers`` says; None where a message has no such header, or one of another form."""
    text = next((value for name, value in headers if name == WRITTEN), None)
    return int(text) if text is not None and len(text) < _MOST_DIGITS and text.isdigit() else None


def dead_letter_headers(
    address: tuple[str, int, int],
    stage: str,
    code: str,
    detail: str,
    *,
    rows: Sequence[int] = (),
    symbols: Sequence[str] = (),
) -> Headers:
    """Return the headers of a dead letter from ``address`` (topic, partition, offset), in Kafka Connect's names.

    ``rows`` and ``symbols`` name the faulty rows where the other rows of the message went on.
    """
    topic, partition, offset = address
    headers = [
        ("__connect.errors.topic", topic.encode()),
        ("__connect.errors.partition", str(partition).encode()),
        ("__connect.errors.offset", str(offset).encode()),
        ("__connect.errors.stage", stage.encode()),
        ("__connect.errors.exception.class.name", code.encode()),
        ("__connect.errors.exception.message", detail[:2_000].encode()),
    ]
    if rows:
        headers.append(("signaltape.rows", ",".join(map(str, rows)).encode()))
        headers.append(("signaltape.symbols", ",".join(symbols).encode()))
    return headers
