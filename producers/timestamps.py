"""Times as they stand in files: ISO-8601 with a zone, or integer nanoseconds."""

import numpy as np

from producers.errors import BarInputError
from schemas.fields import I8Array
from schemas.intervals import INTERVALS
from schemas.times import parse_iso_time

#: Integers below this would lie before 1990 as nanoseconds: they are seconds, milliseconds or microseconds.
_SMALLEST_NS = 631_152_000_000_000_000


def parse_time(text: str) -> int:
    """Return ns UTC of ``text``: int ns since the Unix epoch, or ISO-8601 with a zone.

    Raises ``ValueError`` for a naive time, an integer in another unit, or anything else.
    """
    stripped = text.strip()
    if stripped.lstrip("-").isdigit():
        return check_ns(int(stripped))
    return parse_iso_time(stripped)


def check_ns(value: int) -> int:
    """Return ``value`` if it can be a time in ns since the Unix epoch, else raise ``ValueError``."""
    if value < _SMALLEST_NS:
        raise ValueError(f"time {value} is before 1990 as nanoseconds; integers must be ns since the Unix epoch")
    return value


def to_close(times: I8Array, interval: str, stamp: str) -> I8Array:
    """Return the bars' closes (ns UTC) of bars stamped at their ``"open"`` or ``"close"``."""
    if stamp not in ("open", "close"):
        raise BarInputError(f"stamp is {stamp!r}; say whether the file stamps a bar's open or its close")
    if stamp == "close":
        return times
    return times + np.int64(INTERVALS[interval])
