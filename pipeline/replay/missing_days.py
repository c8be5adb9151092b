"""Weekdays without a bar in the middle of a range: holidays, or a hole in the history. Which, people know."""

from schemas.intervals import DAY

_MOST = 1_000
#: 1970-01-01 was a Thursday: days 2 and 3 of each week since then are Saturday and Sunday.
_WEEKEND = (2, 3)


class MissingDays:
    """Told of closes in about their order; keeps the UTC weekdays between two of them on which none closed."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self._last: int | None = None

    def see(self, event_time: int) -> None:
        """Take a close (ns UTC). ``days`` counts since 1970-01-01; the first thousand are kept."""
        day = (event_time - 1) // DAY
        if self._last is not None and day > self._last + 1:
            between = (one for one in range(self._last + 1, day) if one % 7 not in _WEEKEND)
            self.days += list(between)[: _MOST - len(self.days)]
        self._last = day if self._last is None else max(day, self._last)
