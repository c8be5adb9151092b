"""From a record of ``alerts`` to an alert that can be stored."""

from infra.broker.reading import Record
from pipeline.guard.alert_check import alert_fault
from schemas.alerts import Alert
from schemas.codec import decode_any, encode_json
from schemas.errors import DecodeError, EncodeError


def alert_of(record: Record) -> Alert:
    """Return the alert in a record. Raises DecodeError for what is none, or can't be kept."""
    content_type = next((value for name, value in record.headers if name == "content-type"), None)
    try:
        message = decode_any(record.value, (content_type or b"").decode(errors="replace"))
    except RecursionError as error:
        raise DecodeError("unusable", "the message is nested too deeply") from error
    if not isinstance(message, Alert):
        raise DecodeError("unexpected_type", f"a {message.TYPE} does not belong into {record.topic}")
    if fault := alert_fault(message):
        raise DecodeError("unusable", f"Alert: {fault}")
    try:
        encode_json(message)  # what sinks and store get
    except EncodeError as error:
        raise DecodeError("unusable", str(error)) from error
    return message
