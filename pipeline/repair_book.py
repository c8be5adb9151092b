"""The book of corrections: which symbols await repair, and how new a repair's state has to be."""

from typing import Any

from pipeline.engine_types import RepairNeed
from schemas.bars import StateRepair


class RepairBook:
    """What the log has said so far about corrections of each (interval, symbol).

    ``floor``: the offset of its last correction, or the ``as_of_offset`` of the last repair applied, whichever is
    higher: a repair whose state is older is out of date. -1 before the first.
    """

    def __init__(self) -> None:
        self._floors: dict[tuple[str, str], int] = {}
        self._since: dict[tuple[str, str], int] = {}

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

    @property
    def awaiting(self) -> tuple[tuple[str, str], ...]:
        """(interval, symbol) of all that await repair."""
        return tuple(self._since)

    def state(self) -> list[Any]:
        """Return the book as plain values, for a snapshot."""
        keys = dict.fromkeys((*self._floors, *self._since))
        return [[*key, self.floor(*key), self._since.get(key)] for key in keys]

    @classmethod
    def restore(cls, state: list[Any]) -> "RepairBook":
        """Rebuild a book from ``state()``."""
        book = cls()
        for interval, symbol, floor, since in state:
            book._floors[interval, symbol] = floor
            if since is not None:
                book._since[interval, symbol] = since
        return book
