"""The book of corrections: which symbols await repair, and how new a repair's state has to be."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.engine_types import RepairNeed
from schemas.bars import StateRepair
from schemas.fields import I8Array


class RepairBook:
    """What the log has said so far about corrections of each (interval, symbol).

    ``floor``: the offset of its last correction, or the ``as_of_offset`` of the last repair applied, whichever is
    higher: a repair whose state is older is out of date. -1 before the first. ``shown``: where a set's vector of the
    last bar was published again, by a repair that left those of other sets as they were.
    """

    def __init__(self) -> None:
        self._floors: dict[tuple[str, str], int] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._shown: dict[tuple[str, str, str], int] = {}

    def need(self, need: RepairNeed, offset: int) -> None:
        """Note a correction at ``offset``: the symbol awaits repair from now on."""
        key = (need.interval, need.symbol)
        self._floors[key] = max(self.floor(*key), offset)
        self.await_repair(need)

    def await_repair(self, need: RepairNeed) -> None:
        """Note that what follows from ``need.event_time`` on is to be repaired, without a new correction."""
        key = (need.interval, need.symbol)
        self._since[key] = min(self._since.get(key, need.event_time), need.event_time)

    def floor(self, interval: str, symbol: str) -> int:
        """Return the lowest ``as_of_offset`` that a repair may have."""
        return self._floors.get((interval, symbol), -1)

    def settle(self, repair: StateRepair) -> None:
        """Note that ``repair`` was applied."""
        key = (repair.interval, repair.symbol)
        self._floors[key] = max(self.floor(*key), repair.as_of_offset)
        self._since.pop(key, None)

    def show(self, repair: StateRepair, feature_set: str, offset: int) -> None:
        """Note that ``repair``, at ``offset``, published the last bar's vector of one set again, and not of all."""
        self._shown[repair.interval, repair.symbol, feature_set] = offset

    def shown(self, interval: str, symbols: Sequence[str], feature_set: str) -> I8Array:
        """Return where each symbol's vector of a set was published again last, -1 where it never was: int64 (n,)."""
        if not self._shown:
            return np.full(len(symbols), -1, dtype=np.int64)
        found = (self._shown.get((interval, symbol, feature_set), -1) for symbol in symbols)
        return np.fromiter(found, np.int64, len(symbols))

    def take_shown(self, other: "RepairBook", feature_sets: Iterable[str]) -> None:
        """Note what ``other`` has noted of some sets."""
        wanted = frozenset(feature_sets)
        self._shown.update({key: offset for key, offset in other._shown.items() if key[2] in wanted})

    @property
    def awaiting(self) -> tuple[tuple[str, str], ...]:
        """(interval, symbol) of all that await repair."""
        return tuple(self._since)

    def state(self) -> list[Any]:
        """Return the book as plain values, for a snapshot. Equal books give equal values."""
        keys = sorted(dict.fromkeys((*self._floors, *self._since)))
        shown = [[*key, offset] for key, offset in sorted(self._shown.items())]
        return [[[*key, self.floor(*key), self._since.get(key)] for key in keys], shown]

    @classmethod
    def restore(cls, state: list[Any]) -> "RepairBook":
        """Rebuild a book from ``state()``."""
        book = cls()
        corrections, shown = state
        book._shown = {(interval, symbol, name): offset for interval, symbol, name, offset in shown}
        for interval, symbol, floor, since in corrections:
            book._floors[interval, symbol] = floor
            if since is not None:
                book._since[interval, symbol] = since
        return book
