"""When a symbol usually trades: learnt from its own bars, one column of whole numbers per symbol.

Sessions are UTC days (``schemas.intervals.session_of``); a time of day is in (0, 24 h], so that midnight ends a day.
"""

import numpy as np

from schemas.fields import I8Array
from schemas.intervals import DAY, session_of

#: Sessions whose openings and closings make the habit; all must be known.
SESSIONS = 5
#: A weekday is a trading day if the symbol had bars on two of them within so many days.
WEEKDAY_DAYS = 28

FIRST = 0
OPENS = slice(1, 1 + SESSIONS)
CLOSES = slice(OPENS.stop, OPENS.stop + SESSIONS)
#: Longest step of the present session, from and to; then those of the two sessions before.
PAUSE = slice(CLOSES.stop, CLOSES.stop + 2)
PAUSES = slice(PAUSE.stop, PAUSE.stop + 4)
#: By weekday (Monday first): the newest session with a bar, and the one before it.
SEEN = slice(PAUSES.stop, PAUSES.stop + 14)
FIELDS = SEEN.stop

_UNKNOWN = -1
_LONG_AGO = -1_000


def fresh(symbols: int) -> I8Array:
    """Return the habits of symbols without bars: int64 (FIELDS, symbols)."""
    habits = np.zeros((FIELDS, symbols), dtype=np.int64)
    habits[: CLOSES.stop] = _UNKNOWN
    habits[SEEN] = _LONG_AGO
    return habits


def time_of_day(times: I8Array) -> I8Array:
    """Return ns since the session's beginning, in (0, DAY]."""
    of_day: I8Array = (times - 1) % DAY + 1
    return of_day


def begin_session(habits: I8Array, last: I8Array, event_time: int) -> None:
    """Close the sessions of some symbols, and begin those of ``event_time``, in place.

    ``habits``: (FIELDS, n). ``last``: int64 (n,), their last bars' times, 0 for a symbol that has its first bar.
    """
    for kept, newest in ((OPENS, habits[FIRST]), (CLOSES, np.where(last > 0, time_of_day(last), _UNKNOWN))):
        habits[kept.start + 1 : kept.stop] = habits[kept.start : kept.stop - 1].copy()
        habits[kept.start] = newest
    habits[PAUSES.start + 2 : PAUSES.stop] = habits[PAUSES.start : PAUSES.start + 2].copy()
    habits[PAUSES.start : PAUSES.start + 2] = habits[PAUSE]
    habits[PAUSE] = 0
    session = session_of(event_time)
    habits[FIRST] = event_time - session * DAY
    weekday = SEEN.start + (session + 3) % 7
    habits[weekday + 7] = habits[weekday]
    habits[weekday] = session


def note_pause(habits: I8Array, last: I8Array, event_time: int) -> None:
    """Remember the step from ``last`` (n,) to ``event_time``, in one session, where it is that session's longest."""
    start, end = time_of_day(last), event_time - session_of(event_time) * DAY
    longer = end - start > habits[PAUSE.start + 1] - habits[PAUSE.start]
    habits[PAUSE.start, longer] = start[longer]
    habits[PAUSE.start + 1, longer] = end


def missing_sessions(habits: I8Array, after: I8Array, before: I8Array) -> I8Array:
    """Return how many sessions strictly between two lie on trading days of the symbol.

    ``habits``: (FIELDS, n); ``after``, ``before``: sessions, int64 (n, …) of one shape.
    """
    spare = (1,) * (after.ndim - 1)
    weekday = np.arange(7).reshape(7, 1, *spare)
    between = (before + 2 - weekday) // 7 - (after + 3 - weekday) // 7
    newest = after.reshape(after.shape[0], -1).max(axis=1)
    trading = habits[SEEN.start + 7 : SEEN.stop] >= newest - WEEKDAY_DAYS
    counted: I8Array = np.maximum(between, 0) * trading.reshape(7, -1, *spare)
    total: I8Array = np.add.reduce(counted, axis=0)
    return total


def missing_within(habits: I8Array, after: I8Array, before: I8Array, length: int) -> I8Array:
    """Return how many bars of ``length`` are missing between two times of one session.

    Those in the symbol's daily pause don't count: where the longest steps of the two sessions before overlap.
    """
    start, end = time_of_day(after), time_of_day(before)
    spare = (1,) * (after.ndim - 1)
    pauses = habits[PAUSES].reshape(4, -1, *spare)
    quiet = np.minimum(np.minimum(pauses[1], pauses[3]), end) - np.maximum(np.maximum(pauses[0], pauses[2]), start)
    missing: I8Array = (before - after) // length - 1 - np.maximum(quiet // length - 1, 0)
    return np.maximum(missing, 0)


def missing_around(habits: I8Array, last: I8Array, event_time: int, length: int) -> I8Array:
    """Return how many bars are missing at the end of the session of ``last`` (n,) and the beginning of the present.

    A session is expected to reach from the latest of the last five openings to the earliest of the last five
    closings; where fewer are known, nothing is missing.
    """
    opens, closes = habits[OPENS], habits[CLOSES]
    known = (opens.min(axis=0) > 0) & (closes.min(axis=0) > 0)
    late = (event_time - session_of(event_time) * DAY - opens.max(axis=0)) // length
    early = (closes.min(axis=0) - time_of_day(last)) // length
    missing: I8Array = (np.maximum(late, 0) + np.maximum(early, 0)) * known
    return missing
