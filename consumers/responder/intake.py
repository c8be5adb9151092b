"""From a record of ``alerts`` to an alert that can be stored."""

from infra.broker.reading import Record
from pipeline.guard.alert_check import alert_fault
from schemas.alerts import Alert
from schemas.codec import decode_any
from schemas.errors import DecodeError


def alert_of(record: Record) -> Alert:
    """Return the alert in a record. Raises DecodeError for what is none, or can't be kept."""
    content_type = next((value for name, value in record.headers if name == "content-type"), None)
    message = decode_any(record.value, (content_type or b"").decode(errors="replace"))
    if not isinstance(message, Alert):
        raise DecodeError("unexpected_type", f"a {message.TYPE} does not belong into {record.topic}")
    if fault := alert_fault(message):
        raise DecodeError("unusable", f"Alert: {fault}")
    return message
