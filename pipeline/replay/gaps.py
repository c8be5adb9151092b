"""Bars that a symbol should have had between two of its own."""

import numpy as np

from pipeline.routing.symbols import SymbolIndex
from schemas.bars import BarBatch
from schemas.fields import I8Array
from schemas.intervals import DAY, INTERVALS


class GapCounter:
    """Counts, within session days, the closes that are missing between two bars of one symbol.

    For daily bars nothing is counted: which days are sessions isn't known here.
    """

    def __init__(self, interval: str) -> None:
        self._step = INTERVALS[interval]
        self._symbols = SymbolIndex()
        self._last: I8Array = np.zeros(0, dtype=np.int64)
        self.missing = 0
        self.symbols: set[str] = set()

    def add(self, batch: BarBatch) -> None:
        """Take the next bars of their symbols."""
        if self._step >= DAY:
            return
        numbers = self._symbols.numbers(batch.symbols)
        lacking = len(self._symbols) - len(self._last)
        if lacking > 0:
            self._last = np.concatenate([self._last, np.zeros(lacking, dtype=np.int64)])
        before = self._last[numbers]
        self._last[numbers] = batch.event_time
        same_day = (before > 0) & ((before - 1) // DAY == (batch.event_time - 1) // DAY)
        skipped = np.where(same_day, (batch.event_time - before) // self._step - 1, 0)
        found = np.flatnonzero(skipped > 0)
        if len(found):
            self.missing += int(skipped[found].sum())
            self.symbols.update(batch.symbols[place] for place in found.tolist())
