"""Closes of every symbol at a bounded number of bar times: which of them are shown is known only at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.trading.section import Section
from schemas.fields import F8Array, I8Array

#: At most twice as many bar times are held.
POINTS = 300
_F4Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PriceCourse:
    """A symbol's closes at n of its bar times (ns UTC), oldest first, shape (n,); float32 is enough to draw them."""

    symbol: str
    event_time: I8Array
    close: F8Array


class PriceSample:
    """Keeps the closes of every k-th bar time; k doubles when there are too many."""

    def __init__(self, points: int = POINTS) -> None:
        self._points = points
        self._every, self._seen = 1, 0
        self._held: list[tuple[int, list[tuple[tuple[str, ...], _F4Array]]]] = []
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}  # one tuple for all bar times that have these symbols

    def add(self, section: Section) -> None:
        """Take the next bar time."""
        if self._seen % self._every == 0:
            if len(self._held) == 2 * self._points:
                self._held = self._held[::2]
                self._every *= 2
                self._names = {names: names for _, batches in self._held for names, _ in batches}
            if self._seen % self._every == 0:
                batches = [
                    (self._names.setdefault(batch.symbols, batch.symbols), batch.close.astype(np.float32))
                    for batch in section.bars
                ]
                self._held.append((section.event_time, batches))
        self._seen += 1

    def courses(self, symbols: Sequence[str]) -> tuple[PriceCourse, ...]:
        """Those of ``symbols``, in their order."""
        found: dict[str, list[tuple[int, float]]] = {symbol: [] for symbol in symbols}
        places: dict[int, list[tuple[str, int]]] = {}
        for time, batches in self._held:
            for names, closes in batches:
                if id(names) not in places:
                    at = {name: place for place, name in enumerate(names) if name in found}
                    places[id(names)] = list(at.items())
                for name, place in places[id(names)]:
                    found[name].append((time, float(closes[place])))
        return tuple(
            PriceCourse(
                symbol=symbol,
                event_time=np.array([time for time, _ in points], np.int64),
                close=np.array([close for _, close in points]),
            )
            for symbol, points in found.items()
        )
