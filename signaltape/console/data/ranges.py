"""Ranges of time that a page asks for: as they were meant, and never longer than what may be read for it."""

from dataclasses import dataclass

from schemas.intervals import DAY
from signaltape.console.data.catalogue import Held
from signaltape.console.data.moments import moment
from signaltape.serving.errors import ServingError

#: Symbols beyond which one day of all of them is enough to begin with.
_LARGE = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """(after, until] in ns UTC; ``cut``: more was asked for, and the newest part of it is taken."""

    after: int
    until: int
    cut: bool
    most_days: int

    def document(self) -> dict[str, object]:
        """For the answer."""
        return {"after": self.after, "until": self.until, "truncated": self.cut, "limit_days": self.most_days}


def asked_range(
    held: Held, begin: str, end: str, *, interval: str | None, symbol: str | None, now: int, days: int, most_days: int
) -> Range:
    """A range out of two texts; empty ones mean the last ``days`` session days up to the newest bar."""
    newest = held.newest(symbol, interval)
    last = now if newest is None else newest
    until = moment(end, now=now, newest=newest, field="to") if end else last
    whole = -(-until // DAY) * DAY  # sessions are days: the last one is taken from its beginning
    after = moment(begin, now=now, newest=newest, field="from") if begin else whole - days * DAY
    if after >= until:
        raise ServingError("bad_range", "the range is empty: it begins at or after its end", "from")
    cut = until - after > most_days * DAY
    return Range(after=until - most_days * DAY if cut else after, until=until, cut=cut, most_days=most_days)


def usual_days(held: Held, interval: str | None, symbol: str | None, most: int) -> int:
    """Days that are read where nobody says which: so many that a universe of minute bars is counted in time."""
    if symbol is not None or interval == "1d":
        return most
    return 1 if len(held.symbols) > _LARGE else min(most, 5)
