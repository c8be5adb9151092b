"""Times as text: ISO-8601 with a zone, to nanoseconds. The only place that reads or writes one so fine."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NaiveTimeError(ValueError):
    """A time without a zone; the message says how to write it."""


def parse_iso_time(text: str) -> int:
    """Return ns UTC of ISO-8601 text with a zone; a part finer than microseconds is cut off.

    Raises ``NaiveTimeError`` without a zone, ``ValueError`` for anything else.

    >>> parse_iso_time("2024-01-02T16:00:00-05:00") == parse_iso_time("2024-01-02T21:00:00Z")
    True
    """
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        raise NaiveTimeError(f"time {text!r:.100} has no zone; write it like 2024-01-02T21:00:00Z or +00:00")
    since = moment - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def iso(time: int) -> str:
    """Return ns UTC as ISO-8601 text, to the nanosecond where it has a finer part than a second.

    >>> iso(1_700_145_000_000_000_001)
    '2023-11-16T14:30:00.000000001Z'
    """
    seconds, rest = divmod(time, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}Z" if rest else f"{text}Z"
