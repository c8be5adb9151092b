"""Scores that wait for the returns of their horizon, as a ring of bars by symbol."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.trading.places import SymbolPlaces
from pipeline.trading.section import Scores, Section
from pipeline.trading.splits import PendingSplits
from schemas.bars import BarBatch
from schemas.fields import F8Array, I8Array

#: Prediction times (ns UTC), scores and log returns that came true, each of shape (n,).
Pairs = tuple[I8Array, F8Array, F8Array]
# Rows of ``_marks``: bars seen, time of the last one.
_COUNT, _LAST = 0, 1
# Layers of the float64 ring: log close before all splits so far, score. Of the int64 ring: time, horizon (0: no score).
_PRICE, _SCORE = 0, 1
_TIME, _HORIZON = 0, 1
_Number = TypeVar("_Number", np.float64, np.int64)


class ScoreRing:
    """Bars and scores of the last ``depth`` bars of each symbol; the depth follows the longest horizon seen.

    A return is ln(close h bars later) - ln(close), over the symbol's own bars, splits applied.
    """

    def __init__(self) -> None:
        self.horizons: tuple[int, ...] = ()
        self._places = SymbolPlaces()
        self._splits = PendingSplits()
        self._marks: I8Array = np.zeros((2, 0), np.int64)
        self._shift: F8Array = np.zeros((1, 0))  # logarithm of all factors: makes prices of all times comparable
        self._values: F8Array = np.zeros((2, 2, 0))  # (layers, depth, symbols)
        self._stamps: I8Array = np.zeros((2, 2, 0), np.int64)

    def add(self, section: Section, scores: Sequence[Scores] | None = None) -> list[Pairs]:
        """Take a bar time and its scores (None: those of its signals); returns the pairs that are complete with it."""
        self._splits.receive(section.splits, self._places, self._marks[_LAST])
        for batch in section.bars:
            self._admit(batch.symbols)
        ripe = [pairs for batch in section.bars for pairs in self._bars(batch)]
        if scores is None:
            for one in section.signals:
                horizons = np.array([terms.horizon for terms in one.terms], np.int64)[one.term]
                self._keep(section.event_time, one.symbol, one.score, horizons)
        else:
            for said in reversed(scores):  # where two scored one symbol, the first is written last
                horizons = np.full(len(said.symbols), said.horizon)
                self._keep(section.event_time, said.symbols, said.score, horizons)
        return ripe

    def _admit(self, symbols: Sequence[str]) -> None:
        kept = self._places.admit(symbols)
        if kept is not None:
            n = len(self._places)
            self._marks, self._shift = _wider(self._marks, kept, n), _wider(self._shift, kept, n)
            self._values, self._stamps = _wider(self._values, kept, n), _wider(self._stamps, kept, n)

    def _bars(self, batch: BarBatch) -> list[Pairs]:
        places = self._places.find(batch.symbols)
        self._marks[_LAST, places] = batch.event_time
        for place, factor in self._splits.due(self._places, self._marks[_LAST], batch.event_time):
            self._shift[0, place] += np.log(factor)
        bar = self._marks[_COUNT, places]
        slots = bar % self._depth
        prices = np.log(batch.close) + self._shift[0, places]
        self._values[_PRICE, slots, places] = prices
        self._stamps[_TIME, slots, places] = batch.event_time
        self._stamps[_HORIZON, slots, places] = 0
        self._marks[_COUNT, places] = bar + 1
        found = []
        for horizon in self.horizons:
            then = (bar - horizon) % self._depth
            rows = np.flatnonzero(self._stamps[_HORIZON, then, places] == horizon)
            if len(rows):
                then, at = then[rows], places[rows]
                returns = prices[rows] - self._values[_PRICE, then, at]
                found.append((self._stamps[_TIME, then, at], self._values[_SCORE, then, at], returns))
        return found

    def _keep(self, event_time: int, symbols: Sequence[str], score: F8Array, horizons: I8Array) -> None:
        """Write scores beside the bars that they were made on."""
        new = set(np.unique(horizons).tolist()).difference(self.horizons)
        if new:
            self.horizons = tuple(sorted({*self.horizons, *new}))
            self._deepen(self.horizons[-1] + 1)
        places = self._places.find(symbols)
        rows = np.flatnonzero(places >= 0)
        rows = rows[self._marks[_LAST, places[rows]] == event_time]  # no return begins without its bar
        at = places[rows]
        slots = (self._marks[_COUNT, at] - 1) % self._depth
        self._values[_SCORE, slots, at] = score[rows]
        self._stamps[_HORIZON, slots, at] = horizons[rows]

    @property
    def _depth(self) -> int:
        return int(self._values.shape[1])

    def _deepen(self, depth: int) -> None:
        """Move every bar to its slot in a ring of ``depth``."""
        old, n = self._depth, len(self._places)
        if depth <= old:
            return
        values, stamps = np.zeros((2, depth, n)), np.zeros((2, depth, n), np.int64)
        every = np.arange(n)
        for age in range(1, old + 1):
            bar = self._marks[_COUNT] - age
            values[:, bar % depth, every] = self._values[:, bar % old, every]
            stamps[:, bar % depth, every] = self._stamps[:, bar % old, every]
        self._values, self._stamps = values, stamps


def _wider(rows: npt.NDArray[_Number], kept: I8Array, n: int) -> npt.NDArray[_Number]:
    """Return ``rows`` with ``n`` columns, the old ones at ``kept``, zeros elsewhere."""
    wider = np.zeros((*rows.shape[:-1], n), rows.dtype)
    wider[..., kept] = rows
    return wider
