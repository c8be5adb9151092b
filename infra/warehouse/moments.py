"""Times between the wire (int64 ns UTC) and SQL (`timestamptz`, microseconds)."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_moment(time: int) -> datetime:
    """A time in ns UTC as a query parameter; a part finer than a microsecond is rounded up, as in bulk rows."""
    return _EPOCH + timedelta(microseconds=-(-time // 1000))


def to_nanoseconds(moment: datetime) -> int:
    """A `timestamptz` in ns UTC."""
    return (moment - _EPOCH) // _MICROSECOND * 1000
