"""Splits that wait for their symbol's first bar past the effective time."""

import math
from collections.abc import Iterable

from pipeline.trading.places import SymbolPlaces
from schemas.bars import Adjustment
from schemas.fields import I8Array


class PendingSplits:
    """Splits by symbol; each becomes due once, with the first bar past its effective time."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, float]] = {}

    def receive(self, splits: Iterable[Adjustment], places: SymbolPlaces, last: I8Array) -> tuple[str, ...]:
        """Take splits; returns the symbols, sorted, whose split is refused.

        It came after a bar past its effective time (``last``: newest bar time by place), or its factor isn't finite
        and above 0. Of two for one effective time the first counts. The engine decides the same.
        """
        refused = []
        for split in splits:
            place = places.place(split.symbol)
            late = place >= 0 and int(last[place]) > split.effective_time
            if late or not (math.isfinite(split.factor) and split.factor > 0):
                refused.append(split.symbol)
            else:
                self._waiting.setdefault(split.symbol, {}).setdefault(split.effective_time, split.factor)
        return tuple(sorted(refused))

    def due(self, places: SymbolPlaces, last: I8Array, event_time: int) -> list[tuple[int, float]]:
        """Take out (place, factor) of splits before ``event_time`` of symbols with a bar there, by symbol and time.

        ``last``: newest bar time by place, this one included.
        """
        found = []
        for symbol in sorted(self._waiting):
            place = places.place(symbol)
            if place < 0 or int(last[place]) != event_time:
                continue
            waiting = self._waiting[symbol]
            found += [(place, waiting.pop(at)) for at in sorted(waiting) if at < event_time]
            if not waiting:
                del self._waiting[symbol]
        return found
