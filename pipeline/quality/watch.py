"""Marks the bars of one interval, a cross-section at a time.

A mark follows from the symbol's own bars before it and nothing else: neither from the batch that a bar came in, nor
from the other symbols in it. Work that takes more than a comparison is done for the rows that may be marked only.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.engine_state import COUNT, TIME_, VOLUME_, Advanced, IntervalState, Rows
from pipeline.engine_types import FIRST, StoredRows
from pipeline.features.base import Frame
from pipeline.features.columns import DEPTH, HIGH, LOG_RETURN, LOG_RETURN_SQUARED, LOW
from pipeline.quality import habits as habit
from pipeline.quality.marks import GAP, SPIKE, STALE, ZERO_VOLUME, QualityOptions
from schemas.bars import BarBatch
from schemas.fields import BoolArray, F8Array, I8Array, U1Array
from schemas.intervals import DAY, INTERVALS, session_of

#: Returns before the bar that a spike is judged by: as many as the shared columns keep.
WINDOW = DEPTH - 1
#: Steps between bars before the present one that a gap is judged by.
STEPS = 20
#: Standard deviations of a normal distribution in one median absolute deviation.
NORMAL = 1.482602218505602


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A cross-section of n symbols that was just advanced: places, times before (0 for none), time, what it gave."""

    rows: Rows
    last: I8Array
    event_time: int
    advanced: Advanced


class IntervalQuality:
    """State of one interval: ``habits``, int64 (FIELDS, capacity), by the places of its ``IntervalState``."""

    def __init__(self, interval: str, options: QualityOptions) -> None:
        self.interval = interval
        self._length = INTERVALS[interval]
        self._options = options
        self.habits = habit.fresh(0)

    def dump(self, symbols: int) -> bytes:
        """Return the habits of the first ``symbols`` places, for a snapshot."""
        self.reserve(symbols)
        return self.habits[:, :symbols].tobytes()

    @classmethod
    def restore(cls, interval: str, options: QualityOptions, habits: bytes) -> "IntervalQuality":
        """Rebuild from ``dump()``."""
        quality = cls(interval, options)
        quality.habits = np.frombuffer(habits, dtype=np.int64).reshape(habit.FIELDS, -1).copy()
        return quality

    def reserve(self, symbols: int) -> None:
        """Make room for the places below ``symbols``."""
        size = self.habits.shape[1]
        if symbols > size:
            self.habits = np.hstack([self.habits, habit.fresh(max(symbols, size + size // 2) - size)])

    def mark(self, section: Section, state: IntervalState) -> U1Array:
        """Return the marks of a cross-section, uint8 (n,), and take it into the habits."""
        self.reserve(len(state.symbols))
        advanced = section.advanced
        marks = np.zeros(advanced.t.shape[0], dtype=np.uint8)
        marks[self._spikes(section)] |= SPIKE
        marks[self._stale(advanced.frame)] |= STALE
        marks[advanced.bars[VOLUME_] == 0.0] |= ZERO_VOLUME
        marks[self._gaps(section, state)] |= GAP
        return marks

    def _steps(self, section: Section, which: I8Array) -> F8Array:
        """Return how many bars lie between the last bar and this one, this one included, for some of the rows."""
        if self.interval == "1d":
            sessions: I8Array = session_of(section.event_time) - (section.last[which] - 1) // DAY
            return sessions.astype(np.float64)
        steps: F8Array = (section.event_time - section.last[which]) / self._length
        return steps

    def _spikes(self, section: Section) -> I8Array:
        """Rows whose log return is further from the median of the 20 before than threshold × scale × √steps.

        scale = 1.4826 × median absolute deviation, at least the floor. A return over several bars' time is measured
        against the square root of it. Only rows that can reach the floor's bound are computed: the median is at most
        √(Σ x² / 9) of the 20 squares that end with this bar, because at least nine of them are as large as it.
        """
        frame, options = section.advanced.frame, self._options
        now = frame.ago(LOG_RETURN, 0)
        reach = np.abs(now) + np.sqrt(frame.sums[LOG_RETURN_SQUARED] / 9.0)
        # A sum with rounding in it: one part in a million of margin.
        wide = reach * 1.000001 > options.spike_z * options.spike_floor
        rows = np.flatnonzero(wide & (section.advanced.t > WINDOW))
        if rows.shape[0]:
            window = np.sort(frame.ring[:WINDOW, LOG_RETURN, rows], axis=0)
            middle = _middle(window)
            spread = _middle(np.sort(np.abs(window - middle), axis=0))
            scale = np.maximum(NORMAL * spread, options.spike_floor) * np.sqrt(self._steps(section, rows))
            rows = rows[np.abs(now[rows] - middle) > options.spike_z * scale]
        return rows

    def _stale(self, frame: Frame) -> I8Array:
        """Rows whose last bars all have one and the same price."""
        rows = np.flatnonzero(frame.high == frame.low)
        if rows.shape[0]:
            first = DEPTH - self._options.stale_bars
            highest = frame.ring[first:, HIGH, rows].max(axis=0)
            rows = rows[highest == frame.ring[first:, LOW, rows].min(axis=0)]
        return rows

    def _gaps(self, section: Section, state: IntervalState) -> I8Array:
        """Rows before which bars are missing, by the interval's grid and the symbol's habits."""
        begin = session_of(section.event_time) * DAY
        crossing = section.last <= begin
        apart = section.last < section.event_time - self._length
        if self.interval != "1d" and not apart.any() and not crossing.any():
            return np.empty(0, dtype=np.int64)
        within = apart & ~crossing
        depth = min(STEPS, state.raw - 2)
        judged = np.flatnonzero((within | crossing) & (section.advanced.t > max(depth, 1)))
        if depth > 0 and judged.shape[0]:
            judged = judged[self._missing(section, state, judged, depth)]
        self._learn(section, np.flatnonzero(crossing), np.flatnonzero(within))
        return judged

    def _learn(self, section: Section, crossing: I8Array, within: I8Array) -> None:
        for rows, learn in ((crossing, habit.begin_session), (within, habit.note_pause)):
            if rows.shape[0]:
                places = section.rows.index[rows]
                habits = self.habits[:, places]
                learn(habits, section.last[rows], section.event_time)
                self.habits[:, places] = habits

    def _missing(self, section: Section, state: IntervalState, rows: I8Array, depth: int) -> BoolArray:
        """Return which of some rows follow a gap."""
        places = section.rows.index[rows]
        habits, last = self.habits[:, places], section.last[rows]
        back = (state.marks[COUNT, places][:, None] - 2 - np.arange(depth, -1, -1)) % state.raw
        times = state.stamps[places[:, None], back, TIME_]
        before, after = times[:, 1:], times[:, :-1]
        sessions = (times - 1) // DAY
        here = np.full(last.shape[0], session_of(section.event_time))
        days = habit.missing_sessions(habits, (last - 1) // DAY, here)
        if self.interval == "1d":
            usual = habit.missing_sessions(habits, sessions[:, :-1], sessions[:, 1:])
            return days > self._options.gap_factor * _high(usual)
        usual = habit.missing_within(habits, after, before, self._length) * (sessions[:, :-1] == sessions[:, 1:])
        now = np.full(last.shape[0], section.event_time)
        within = habit.missing_within(habits, last, now, self._length)
        around = habit.missing_around(habits, last, section.event_time, self._length)
        missing = np.where(sessions[:, -1] == here, within, around)
        found: BoolArray = (missing > self._options.gap_factor * _high(usual)) | (days > 0)
        return found


def stored_marks(batch: BarBatch, stored: StoredRows, firsts: U1Array) -> U1Array:
    """Return the marks of the rows that are kept: ``firsts`` for those that advanced state, in row order.

    The others are no part of the symbol's series; of them only a volume of zero is told.
    """
    zero = batch.volume_valid[stored.rows] & (batch.volume[stored.rows] == 0.0)
    marks: U1Array = np.where(zero, ZERO_VOLUME, 0).astype(np.uint8)
    marks[stored.status == FIRST] = firsts
    return marks


def _middle(window: F8Array) -> F8Array:
    """Median of sorted windows of even length: (w, n) → (n,)."""
    half = window.shape[0] // 2
    middle: F8Array = (window[half - 1] + window[half]) / 2.0
    return middle


def _high(usual: I8Array) -> I8Array:
    """The 90th percentile, as one of the values: (n, steps) → (n,)."""
    steps = usual.shape[1]
    rank = steps - 1 - steps // 10
    high: I8Array = np.partition(usual, rank, axis=1)[:, rank]
    return high
