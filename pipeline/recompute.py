"""Derived rows of some symbols computed anew from their bars in order of event time: the clean history.

The engine of the log does the same with the bars in the order in which they came; where nothing was late or revised
both give the same bits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.engine import PartitionEngine
from pipeline.engine_state import (
    CLOSE_,
    FIELDS,
    LAST,
    NEVER,
    SOURCE,
    SPLIT,
    Advanced,
    IntervalState,
    Rows,
)
from pipeline.engine_symbol import put_in
from pipeline.engine_types import EngineConfig
from pipeline.returns import matured
from schemas.bars import Adjustment, StateRepair
from schemas.fields import BoolArray, F8Array, I8Array

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class History:
    """Bars of one source and interval, one per (symbol, event time), in order of event time.

    ``place``: int64 (n,), index into ``symbols``. Prices and volume float64 (n,), volume NaN where the source gives
    none. Times ns UTC, int64 (n,). ``source_offset``: where in the log each bar came, -1 for one that is in no log.
    """

    symbols: tuple[str, ...]
    place: I8Array
    event_time: I8Array
    open: F8Array
    high: F8Array
    low: F8Array
    close: F8Array
    volume: F8Array
    revision: I8Array
    available_time: I8Array
    source_offset: I8Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """Where one symbol's recomputation begins: its source, and its state from a kept snapshot (``cut_out``).

    ``cell`` None: its history begins with its first bar. ``since``: rows from this event time on are wanted.
    """

    source: str
    since: int = 0
    cell: IntervalState | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Vectors of one set: ``place`` (n,) into the history's symbols, times (n,), ``values`` (n, width), NaN undefined.

    Rows past the set's warm-up only, in order of event time.
    """

    place: I8Array
    event_time: I8Array
    available_time: I8Array
    close: F8Array
    values: F8Array


@dataclass(frozen=True, slots=True, eq=False)
class ReturnTable:
    """Matured returns: one row per bar; columns over the horizons, (n, horizons), ``present`` where one matured."""

    place: I8Array
    event_time: I8Array
    available_time: I8Array
    prediction_time: I8Array
    log_return: F8Array
    present: BoolArray


class Recomputation:
    """Steps histories through an engine of its own.

    ``splits``: those of the symbols that count, in any order; each with its offset in the log.
    """

    def __init__(self, config: EngineConfig, interval: str, splits: Sequence[tuple[int, Adjustment]]) -> None:
        self.engine = PartitionEngine(config)
        self.interval = interval
        for offset, split in splits:
            self.engine.splits.receive(split, offset, {})
        self._state = IntervalState(self.engine.plan, config.ring)
        self.engine.states[interval] = self._state
        self._features: dict[str, list[tuple[Array, ...]]] = {chosen.name: [] for chosen in self.engine.sets}
        self._returns: list[tuple[Array, ...]] = []

    def run(self, history: History, beginnings: Mapping[str, Beginning]) -> None:
        """Step all bars of ``history``; every symbol of it needs its beginning, with the bars before left out."""
        engine, state = self.engine, self._state
        firsts: dict[int, int] = {}
        for row, place in enumerate(history.place.tolist()):
            firsts.setdefault(place, row)
        for place, symbol in enumerate(history.symbols):
            self._begin(symbol, beginnings[symbol], int(history.event_time[firsts[place]]) if place in firsts else 0)
        since = np.array([beginnings[symbol].since for symbol in history.symbols], dtype=np.int64)
        at = np.array([state.places[symbol] for symbol in history.symbols], dtype=np.int64)
        bars, stamps = _columns(history)
        starts = np.flatnonzero(np.diff(history.event_time, prepend=np.int64(-1))).tolist()
        for start, end in zip(starts, [*starts[1:], history.place.shape[0]], strict=True):
            places, time = history.place[start:end], int(history.event_time[start])
            rows = Rows.of(at[places])
            with np.errstate(all="ignore"):
                engine.splits.apply(state, rows, time)
                advanced = state.advance_raw(rows, bars[:, start:end].copy(), stamps[start:end])
            wanted = np.flatnonzero(since[places] <= time)
            if wanted.shape[0]:
                self._keep(rows, advanced, places, (time, wanted))

    def state_repair(self, symbol: str, as_of_offset: int, since: int) -> StateRepair:
        """Return the message that brings the symbol's state into the log."""
        return self.engine.state_repair(symbol, self.interval, as_of_offset=as_of_offset, since=since)

    def features(self, feature_set: str) -> FeatureTable:
        """Return all wanted vectors of a set."""
        width = next(len(chosen.names) for chosen in self.engine.sets if chosen.name == feature_set)
        kinds = (np.int64, np.int64, np.int64, np.float64, np.float64)
        return FeatureTable(*_joined(self._features[feature_set], kinds, width))

    def returns(self) -> ReturnTable:
        """Return all wanted returns."""
        kinds = (np.int64, np.int64, np.int64, np.int64, np.float64, np.bool_)
        return ReturnTable(*_joined(self._returns, kinds, len(self.engine.config.horizons)))

    def _begin(self, symbol: str, beginning: Beginning, first: int) -> None:
        engine, state = self.engine, self._state
        state.add([symbol], engine.sources.setdefault(beginning.source, len(engine.sources)))
        place = state.places[symbol]
        if beginning.cell is not None:
            source = int(state.marks[SOURCE, place])
            put_in(state, place, beginning.cell, 0)
            state.marks[SOURCE, place] = source
            first = int(state.marks[LAST, place])
        state.marks[SPLIT, place] = NEVER
        engine.splits.begin(state, symbol, first)

    def _keep(self, rows: Rows, advanced: Advanced, places: I8Array, wanted: tuple[int, I8Array]) -> None:
        """Keep the vectors and returns of the ``wanted`` rows of the cross-section at a time."""
        time, picked = wanted
        for chosen in self.engine.sets:
            warm = picked[advanced.t[picked] >= chosen.warm_up]
            if warm.shape[0]:
                at, values = np.full(warm.shape[0], time), self.engine.columns_of(chosen.name, advanced.values[warm])
                close = advanced.bars[CLOSE_, warm]
                self._features[chosen.name].append((places[warm], at, advanced.available[warm], close, values))
        horizons = self.engine.config.horizons
        shape = (places.shape[0], len(horizons))
        times, values, present = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape, dtype=np.bool_)
        for ripe in matured(self._state, rows, advanced, self.engine.horizons):
            column, some = horizons.index(ripe.horizon), slice(None) if ripe.rows is None else ripe.rows
            times[some, column], values[some, column] = ripe.prediction_time, ripe.log_return
            present[some, column] = True
        ripe_rows = picked[present[picked].any(axis=1)]
        if ripe_rows.shape[0]:
            at = np.full(ripe_rows.shape[0], time)
            kept = (times[ripe_rows], values[ripe_rows], present[ripe_rows])
            self._returns.append((places[ripe_rows], at, advanced.available[ripe_rows], *kept))


def _columns(history: History) -> tuple[F8Array, I8Array]:
    """Return raw bars (FIELDS, n) and stamps (n, STAMPS)."""
    raw = (history.open, history.high, history.low, history.close, history.volume)
    bars = np.ones((FIELDS, history.place.shape[0]))
    for row, column in enumerate(raw):
        bars[row] = column
    return bars, np.stack((history.event_time, history.source_offset, history.revision, history.available_time), axis=1)


def _joined(parts: Sequence[tuple[Array, ...]], kinds: tuple[Any, ...], width: int) -> tuple[Array, ...]:
    """Join the columns of all parts; ``kinds`` and ``width`` give their form where there are none."""
    if parts:
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
    flat = 4 if len(kinds) == 5 else 3
    shapes = [(0,) if column < flat else (0, width) for column in range(len(kinds))]
    return tuple(np.empty(shape, dtype=kind) for shape, kind in zip(shapes, kinds, strict=True))
