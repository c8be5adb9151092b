"""A time as a person writes it: ISO-8601 with a zone, nanoseconds, or relative to now or to the newest bar."""

import re

from producers.timestamps import parse_time
from schemas.intervals import DAY, HOUR, MINUTE, SECOND
from signaltape.serving.errors import ServingError

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_RELATIVE = re.compile(r"(?:(now|newest)\s*)?(?:-\s*(\d{1,6})\s*([smhdw]))?", re.IGNORECASE)
_HOW = "write 2024-01-02T21:00:00Z, or relative: now, -15m, -2h, -3d, newest, newest-1h"


def moment(text: str, *, now: int, newest: int | None, field: str = "at") -> int:
    """Ns UTC of ``text``; ``newest``: close that ``newest`` stands for. Raises ServingError (``bad_time``).

    >>> moment("-15m", now=1_000 * MINUTE, newest=None) == 985 * MINUTE
    True
    >>> moment("newest-1h", now=0, newest=2 * HOUR) == HOUR
    True
    """
    stripped = text.strip()
    relative = _RELATIVE.fullmatch(stripped)
    if stripped and relative is not None:
        base, count, unit = relative.groups()
        start = now if (base or "now").lower() == "now" else newest
        if start is None:
            raise ServingError("bad_time", "there is no bar that 'newest' could stand for", field)
        return start - (int(count) * _UNITS[unit.lower()] if count else 0)
    try:
        found = parse_time(stripped)
    except (ValueError, OverflowError) as error:
        reason = str(error) if "zone" in str(error) else f"{stripped!r:.80} is no time: {_HOW}"
        raise ServingError("bad_time", reason, field) from error
    if not 0 < found < 2**62:
        raise ServingError("bad_time", f"{stripped!r:.80} lies outside of the times that bars can have", field)
    return found
