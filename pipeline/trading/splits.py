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
            place = int(places.find((split.symbol,))[0])
            late = place >= 0 and int(last[place]) > split.effective_time
            if late or not (math.isfinite(split.factor) and split.factor > 0):
                refused.append(split.symbol)
            else:
                self._waiting.setdefault(split.symbol, {}).setdefault(split.effective_time, split.factor)
        return tuple(sorted(refused))

    def due(self, places: SymbolPlaces, quoted: I8Array, event_time: int) -> list[tuple[int, float]]:
        """Take out (place, factor) of splits before ``event_time`` of the ``quoted`` places, by symbol and time."""
        if not self._waiting:
            return []
        found = []
        present = set(quoted.tolist())
        for symbol in sorted(self._waiting):
            place = int(places.find((symbol,))[0])
            if place not in present:
                continue
            waiting = self._waiting[symbol]
            found += [(place, waiting.pop(at)) for at in sorted(waiting) if at < event_time]
            if not waiting:
                del self._waiting[symbol]
        return found
