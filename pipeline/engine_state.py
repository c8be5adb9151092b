"""State of one interval: arrays over the partition's symbols, advanced a cross-section at a time.

The shared columns of the last bars lie in one ring of shape (rows, columns, symbols), so that the window of a
cross-section is a slice without a copy: every symbol has its own head row, and the symbols of a batch are brought to
one head first (those that missed a bar are moved). What is beyond the 21 bars of a window is raw bars
(``bars``, ``stamps``), never rescaled.
"""

from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from pipeline.features import Plan
from pipeline.features.base import Frame, Scale
from pipeline.features.columns import CLOSE, DEPTH, LOG_CLOSE, SCALES, WIDTH, derive
from schemas.bars import BarBatch
from schemas.fields import F8Array, I8Array

#: Rows of ``marks``.
COUNT, HEAD, LAST, AVAILABLE, SOURCE, SPLIT, OFFSET = range(7)
#: Columns of ``bars`` and ``stamps``.
OPEN_, HIGH_, LOW_, CLOSE_, VOLUME_, FACTOR_, LOG_ = range(7)
FIELDS = 7
TIME_, OFFSET_, REVISION_, AVAILABLE_ = range(4)
STAMPS = 4

NEVER = np.iinfo(np.int64).max
#: Head of a symbol without bars: its first bar goes to row 20.
START = DEPTH - 2
#: Rows of the ring; every (ROWS - 20) bars the last 20 are copied to the front.
ROWS = 48
_FRESH = ((COUNT, 0), (HEAD, START), (LAST, 0), (AVAILABLE, 0), (SOURCE, -1), (SPLIT, NEVER), (OFFSET, -1))


@dataclass(frozen=True, slots=True)
class Rows:
    """Places of a cross-section's symbols: int64 (n,), and the same as a slice where they are one run."""

    index: I8Array
    cut: slice | None

    @classmethod
    def of(cls, index: I8Array) -> "Rows":
        """Recognise a run of consecutive places."""
        first, size = int(index[0]), index.shape[0]
        run = int(index[-1]) - first == size - 1 and (size == 1 or bool((np.diff(index) == 1).all()))
        return cls(index, slice(first, first + size) if run and first >= 0 else None)

    @property
    def key(self) -> I8Array | slice:
        """What to index the last axis with: a slice gives a view."""
        return self.index if self.cut is None else self.cut


@dataclass(slots=True, eq=False)
class Advanced:
    """What an advanced cross-section of n symbols gives.

    ``values``: (n, width), NaN where undefined or still warming up. ``t``: int64 (n,), the bars' indices, ``oldest``
    their minimum. ``bars``: (FIELDS, n), the raw bars. ``available``: int64 (n,), highest available time so far.
    ``frame``: what the families saw, valid until the state is advanced again.
    """

    values: F8Array
    t: I8Array
    oldest: int
    bars: F8Array
    available: I8Array
    frame: Frame


class IntervalState:
    """Arrays over the symbols of one interval on one partition; ``ring`` is the number of raw bars kept."""

    def __init__(self, plan: Plan, ring: int) -> None:
        self.plan = plan
        self.raw = ring
        self.symbols: list[str] = []
        self.places: dict[str, int] = {}
        self._known: tuple[tuple[str, ...], Rows] | None = None
        self._allocate(0)

    def _allocate(self, capacity: int) -> None:
        fields = sum(len(family.state) for family in self.plan.families)
        self.marks = np.empty((len(_FRESH), capacity), dtype=np.int64)
        for row, value in _FRESH:
            self.marks[row] = value
        self.ring = np.full((ROWS, WIDTH, capacity), np.nan)
        self.state = np.zeros((fields, capacity))
        self.bars = np.zeros((capacity, self.raw, FIELDS))
        self.stamps = np.zeros((capacity, self.raw, STAMPS), dtype=np.int64)
        self.latest = np.full((capacity, len(self.plan.columns)), np.nan)

    def locate(self, symbols: tuple[str, ...]) -> Rows:
        """Return the places of ``symbols`` (n ≥ 1), -1 for one never seen. The last answer is remembered."""
        if self._known is not None and self._known[0] == symbols:
            return self._known[1]
        rows = Rows.of(np.fromiter(map(self.places.get, symbols, repeat(-1)), np.int64, len(symbols)))
        if rows.index.min() >= 0:
            self._known = (symbols, rows)
        return rows

    def add(self, symbols: list[str], source: int) -> None:
        """Make places for new symbols whose primary source is ``source``."""
        size, total = len(self.symbols), len(self.symbols) + len(symbols)
        if total > self.marks.shape[1]:
            old = (self.marks, self.ring, self.state, self.bars, self.stamps, self.latest)
            self._allocate(max(total, size + size // 2, 8))
            self.put(old, size)
        self.marks[SOURCE, size:total] = source
        for place, symbol in enumerate(symbols, size):
            self.places[symbol] = place
        self.symbols.extend(symbols)

    def put(self, arrays: tuple[Any, ...], size: int) -> None:
        """Copy the first ``size`` symbols of (marks, ring, state, bars, stamps, latest) into this state."""
        marks, ring, state, bars, stamps, latest = arrays
        self.marks[:, :size] = marks[:, :size]
        self.ring[: ring.shape[0], :, :size] = ring[:, :, :size]
        self.state[:, :size] = state[:, :size]
        self.bars[:size, : bars.shape[1]] = bars[:size]
        self.stamps[:size, : stamps.shape[1]] = stamps[:size]
        self.latest[:size] = latest[:size]

    def advance(self, rows: Rows, batch: BarBatch, picked: I8Array | None, offset: int) -> "Advanced":
        """Advance the symbols at ``rows`` by their bars in ``batch`` (``picked`` rows of it, None for all).

        Every symbol's bar must be newer than its last one, and pending splits must have been applied.
        """
        stamp = np.array((batch.event_time, offset, batch.revision, batch.available_time), dtype=np.int64)
        return self.advance_raw(rows, self._raw(batch, picked), stamp)

    def advance_raw(self, rows: Rows, bars: F8Array, stamp: I8Array) -> "Advanced":
        """Advance the symbols at ``rows`` by ``bars``, float64 (FIELDS, n) with FACTOR_ 1; LOG_ is filled in.

        ``stamp``: int64 (STAMPS,) for all, or (n, STAMPS), in the order of ``stamps``.
        """
        marks = self.marks[:, rows.key]
        t = marks[COUNT].copy()
        oldest = int(np.minimum.reduce(t))
        ring, row = self._window(rows, marks[HEAD])
        frame = derive(bars[HIGH_ : VOLUME_ + 1], t, oldest <= self.plan.warm, ring)
        out = self._features(frame, rows)
        if rows.cut is None:
            self.ring[row, :, rows.index] = ring[DEPTH - 1].T
        bars[LOG_] = frame.ago(LOG_CLOSE, 0)
        slots = t % self.raw
        self.bars[rows.index, slots] = bars.T
        self.stamps[rows.index, slots] = stamp
        marks[COUNT] += 1
        marks[HEAD] = row
        marks[LAST] = stamp[..., TIME_]
        available = np.maximum(marks[AVAILABLE], stamp[..., AVAILABLE_])
        marks[AVAILABLE] = available
        marks[OFFSET] = stamp[..., OFFSET_]
        if rows.cut is None:
            self.marks[:, rows.index] = marks
        values = np.ascontiguousarray(out.T)
        self.latest[rows.key] = values
        return Advanced(values, t, oldest, bars, available, frame)

    def _features(self, frame: Frame, rows: Rows) -> F8Array:
        """Run the families over a frame; returns (width, n), NaN before each column's first bar."""
        out = np.empty((len(self.plan.columns), frame.t.shape[0]))
        state = self.state[:, rows.key]
        column = field = 0
        for family in self.plan.families:
            column_end, field_end = column + len(family.features), field + len(family.state)
            family.step(frame, state[field:field_end], out[column:column_end])
            column, field = column_end, field_end
        if frame.cold:
            out[frame.t < self.plan.first] = np.nan
        if rows.cut is None:
            self.state[:, rows.index] = state
        return out

    @staticmethod
    def _raw(batch: BarBatch, picked: I8Array | None) -> F8Array:
        bars = np.empty((FIELDS, len(batch.symbols) if picked is None else picked.shape[0]))
        sources = (batch.open, batch.high, batch.low, batch.close, batch.volume)
        for place, column in enumerate(sources):
            bars[place] = column if picked is None else column[picked]
        valid = batch.volume_valid if picked is None else batch.volume_valid[picked]
        if not valid.all():
            bars[VOLUME_, ~valid] = np.nan
        bars[FACTOR_] = 1.0
        return bars

    def _window(self, rows: Rows, heads: I8Array) -> tuple[F8Array, int]:
        """Return (21, columns, n) with room for the current bar in its last row, and that bar's row in the ring."""
        head = int(heads[0])
        if heads.shape[0] > 1 and not (heads == head).all():
            head = self._align(rows.index, heads)
        if head + 1 == ROWS:
            self.ring[: DEPTH - 1, :, rows.key] = self.ring[ROWS - DEPTH + 1 :, :, rows.key]
            head = START
        row = head + 1
        view = self.ring[row - DEPTH + 1 : row + 1]
        return (view[:, :, rows.cut] if rows.cut is not None else view.take(rows.index, axis=2)), row

    def _align(self, index: I8Array, heads: I8Array) -> int:
        """Move the windows of symbols whose head differs to the head that most have; return it."""
        head = int(np.bincount(heads).argmax())
        moved = index[heads != head]
        at = self.marks[HEAD, moved]
        self.ring[head - START : head + 1, :, moved] = self.windows(moved, at)
        return head

    def windows(self, index: I8Array, heads: I8Array) -> F8Array:
        """Return the last 20 rows of some symbols: (20, columns, n), a copy."""
        back = np.arange(-START, 1)[:, None, None] + heads
        copied: F8Array = self.ring[back, np.arange(WIDTH)[:, None], index]
        return copied

    def rescale(self, place: int, factor: float) -> None:
        """Apply a split of ``factor`` to one symbol: price-like state ÷ factor, volume-like × factor.

        Raw bars stay as they are; each remembers the product of the factors since.
        """
        for column, scale in enumerate(SCALES):
            self._scale(self.ring[:, column, place], scale, factor)
        np.log(self.ring[:, CLOSE, place], out=self.ring[:, LOG_CLOSE, place])
        fields = (scale for family in self.plan.families for _, scale in family.state)
        for field, scale in enumerate(fields):
            self._scale(self.state[field : field + 1, place], scale, factor)
        bars = self.bars[place]
        bars[:, FACTOR_] *= factor
        bars[:, LOG_] = np.log(bars[:, CLOSE_] / bars[:, FACTOR_])

    @staticmethod
    def _scale(values: F8Array, scale: Scale, factor: float) -> None:
        if scale is Scale.PRICE:
            values /= factor
        elif scale is Scale.VOLUME:
            values *= factor
