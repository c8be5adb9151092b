"""Marks of stored bars, as the engine gives them and as plain loops and pandas compute them."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from pipeline.engine import LogMessage
from pipeline.engine_types import Step
from pipeline.quality.marks import BITS
from schemas.bars import BarBatch

#: (symbol, event_time, source) → kinds of mark.
Marks = dict[tuple[str, int, str], frozenset[str]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def kinds(mask: int) -> frozenset[str]:
    """The kinds in a sum of bits."""
    return frozenset(kind for kind, bit in BITS.items() if mask & bit)


def marks_of(messages: Sequence[LogMessage], steps: Iterable[Step]) -> Marks:
    """Marks of every bar that was kept, unmarked ones too."""
    found: Marks = {}
    for message, step in zip(messages, steps, strict=True):
        if isinstance(message, BarBatch) and step.stored is not None:
            assert step.stored.marks is not None
            for row, mask in zip(step.stored.rows.tolist(), step.stored.marks.tolist(), strict=True):
                key = (message.symbols[row], message.event_time, message.source)
                assert key not in found
                found[key] = kinds(mask)
    return found


def spikes(close: pd.Series, steps: pd.Series, z: float = 10.0, floor: float = 5e-4) -> pd.Series:
    """True where the log return lies outside the robust band of the 20 before it, widened by the root of its time."""
    change = np.log(close).diff()
    before = change.shift(1)
    middle = before.rolling(20).median()
    spread = before.rolling(20).apply(lambda window: np.median(np.abs(window - np.median(window))), raw=True)
    scale = (1.482602218505602 * spread).clip(lower=floor) * np.sqrt(steps)
    return (change - middle).abs() > z * scale


def stale(bars: pd.DataFrame, length: int = 10) -> pd.Series:
    """True where the last ``length`` bars have one price and no range."""
    return bars["high"].rolling(length).max() == bars["low"].rolling(length).min()


class GapOracle:
    """Gaps of one symbol's bars, bar after bar with lists and dates; closes in ns UTC."""

    def __init__(self, minutes: int | None, factor: float = 3.0) -> None:
        self.minutes, self.factor = minutes, factor
        self.times: list[datetime] = []
        self.sessions: list[tuple[date, list[datetime]]] = []

    def see(self, close_ns: int) -> bool:
        """Take a bar; True if bars are missing before it."""
        now = _EPOCH + timedelta(microseconds=close_ns // 1_000)
        # Where nothing is missing there is nothing to compare.
        next_one = bool(self.minutes and self.times) and now - self.times[-1] == timedelta(minutes=self.minutes or 0)
        gap = len(self.times) > 20 and not (next_one and self._day(now) == self._day(self.times[-1]))
        gap = gap and self._missing(now)
        day = self._day(now)
        if not self.sessions or self.sessions[-1][0] != day:
            self.sessions.append((day, []))
        self.sessions[-1][1].append(now)
        self.times.append(now)
        return gap

    @staticmethod
    def _day(time: datetime) -> date:
        return (time - timedelta(microseconds=1)).date()

    def _of_day(self, time: datetime) -> float:
        """Minutes since the session's beginning."""
        start = datetime.combine(self._day(time), datetime.min.time(), UTC)
        return (time - start) / timedelta(minutes=1)

    def _trading(self, newest: date) -> set[int]:
        latest: dict[int, list[date]] = {}
        for day, _ in self.sessions[-40:]:
            latest.setdefault(day.weekday(), []).append(day)
        return {w for w, seen in latest.items() if len(seen) > 1 and (newest - seen[-2]).days <= 28}

    def _days(self, first: date, second: date, trading: set[int]) -> int:
        between = [first + timedelta(days=n) for n in range(1, (second - first).days)]
        return sum(day.weekday() in trading for day in between)

    def _within(self, first: datetime, second: datetime) -> int:
        assert self.minutes is not None
        start, end = self._of_day(first), self._of_day(second)
        slots = range(round(start) + self.minutes, round(end), self.minutes)
        pauses = self._pauses() if len(slots) else []
        return sum(not any(begin < slot < until for begin, until in pauses) for slot in slots)

    def _pauses(self) -> list[tuple[float, float]]:
        """Overlap of the longest steps of the two sessions before the present one."""
        longest = []
        for _, times in self.sessions[-3:-1]:
            steps = [(b - a, -place) for place, (a, b) in enumerate(itertools.pairwise(times))]
            if not steps:
                return []
            size, place = max(steps)
            if size <= timedelta(minutes=self.minutes or 0):
                return []
            longest.append((self._of_day(times[-place]), self._of_day(times[1 - place])))
        if len(longest) < 2:
            return []
        start, end = max(one[0] for one in longest), min(one[1] for one in longest)
        return [(start, end)] if end > start else []

    def _missing(self, now: datetime) -> bool:
        last, today = self.times[-1], self._day(now)
        trading = self._trading(self._day(last))
        pairs = list(zip(self.times[-21:], self.times[-20:], strict=False))
        days = self._days(self._day(last), today, trading)
        if self.minutes is None:
            usual = sorted(self._days(self._day(a), self._day(b), trading) for a, b in pairs)
            return days > self.factor * usual[17]
        usual = sorted(self._within(a, b) if self._day(a) == self._day(b) else 0 for a, b in pairs)
        missing = self._within(last, now) if self._day(last) == today else self._around(now)
        return days > 0 or missing > self.factor * usual[17]

    def _around(self, now: datetime) -> int:
        assert self.minutes is not None
        # The session that has just ended is judged, so it isn't among the five yet.
        closes = [self._of_day(times[-1]) for _, times in self.sessions[-6:-1]]
        opens = [self._of_day(times[0]) for _, times in self.sessions[-6:-1]]
        if len(closes) < 5:
            return 0
        late = max(0, int((self._of_day(now) - max(opens)) // self.minutes))
        early = max(0, int((min(closes) - self._of_day(self.times[-1])) // self.minutes))
        return late + early
