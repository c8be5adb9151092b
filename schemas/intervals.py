"""Bar intervals: their names, their lengths and the grid on which a close may lie."""

from types import MappingProxyType

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: Interval name → length in nanoseconds.
INTERVALS = MappingProxyType(
    {
        "1s": SECOND,
        "5s": 5 * SECOND,
        "10s": 10 * SECOND,
        "30s": 30 * SECOND,
        "1m": MINUTE,
        "5m": 5 * MINUTE,
        "15m": 15 * MINUTE,
        "30m": 30 * MINUTE,
        "1h": HOUR,
        "4h": 4 * HOUR,
        "1d": DAY,
    }
)


def is_known(interval: str) -> bool:
    """True if ``interval`` is a name of the table."""
    return interval in INTERVALS


def on_grid(interval: str, event_time: int) -> bool:
    """True if a bar of ``interval`` may close at ``event_time`` (ns UTC).

    Intraday closes are multiples of the interval since the Unix epoch. ``1d`` accepts any whole microsecond of the
    day, because sessions close at different times of day. No interval accepts a finer part than a microsecond:
    ``timestamptz`` could not keep it.
    """
    if event_time <= 0 or event_time % 1_000:
        return False
    return interval == "1d" or event_time % INTERVALS[interval] == 0


def session_of(event_time: int) -> int:
    """Return the session day of ``event_time`` (ns UTC): days since the Unix epoch, UTC.

    A bar stamped exactly at midnight closes the day before, so it belongs to it.
    """
    return (event_time - 1) // DAY


def session_end(session: int) -> int:
    """Return the last instant (ns UTC, inclusive) of a session day."""
    return (session + 1) * DAY
