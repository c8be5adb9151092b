"""Splits: pending until their symbol's first bar past the effective time, then applied once per interval."""

from typing import Any

import numpy as np

from pipeline.engine_state import AVAILABLE, LAST, NEVER, SPLIT, IntervalState, Rows
from pipeline.engine_types import RepairNeed
from schemas.bars import Adjustment
from schemas.row_faults import RowFault

_Known = tuple[int, float, int, int]  # effective time, factor, available time, offset in the log


class SplitTable:
    """All splits seen on the partition, by symbol, in order of effective time."""

    def __init__(self) -> None:
        self._splits: dict[str, list[_Known]] = {}

    def receive(
        self, message: Adjustment, offset: int, states: dict[str, IntervalState]
    ) -> tuple[tuple[RowFault, ...], int, tuple[RepairNeed, ...]]:
        """Take a split; return faults, duplicates (0 or 1) and the repairs that a late one needs.

        It is late for an interval in which the symbol already has a bar past the effective time: that state was
        computed without it and stays as it is until repaired.
        """
        symbol, at = message.symbol, message.effective_time
        if not (np.isfinite(message.factor) and message.factor > 0.0):
            return (_fault(symbol, "bad_factor", f"factor must be finite and above 0, got {message.factor}"),), 0, ()
        known = self._splits.setdefault(symbol, [])
        for effective_time, factor, _, _ in known:
            if effective_time == at:
                if factor == message.factor:
                    return (), 1, ()
                detail = f"a split with factor {factor} at {at} is already known"
                return (_fault(symbol, "revision_conflict", detail),), 0, ()
        known.append((at, message.factor, message.available_time, offset))
        known.sort()
        repairs = []
        for interval, state in sorted(states.items()):
            place = state.places.get(symbol)
            if place is None:
                continue
            if int(state.marks[LAST, place]) > at:
                need = RepairNeed(symbol=symbol, interval=interval, event_time=at, reason="late_split")
                repairs.append(need)
            else:
                state.marks[SPLIT, place] = min(int(state.marks[SPLIT, place]), at)
        return (), 0, tuple(repairs)

    def begin(self, state: IntervalState, symbol: str, event_time: int) -> None:
        """Note the splits that wait for a symbol whose first (or last) bar in an interval has ``event_time``."""
        waiting = [at for at, _, _, _ in self._splits.get(symbol, ()) if at >= event_time]
        if waiting:
            state.marks[SPLIT, state.places[symbol]] = min(waiting)

    def missed(self, symbol: str, after: int, event_time: int) -> bool:
        """True if a split that came after an offset took effect before ``event_time``."""
        return any(at < event_time and offset > after for at, _, _, offset in self._splits.get(symbol, ()))

    def apply(self, state: IntervalState, rows: Rows, event_time: int) -> None:
        """Rescale the symbols at ``rows`` whose split took effect before their bar at ``event_time``."""
        if not self._splits:
            return
        due = rows.index[state.marks[SPLIT, rows.key] < event_time]
        for place in due.tolist():
            first = int(state.marks[SPLIT, place])
            waiting = [known for known in self._splits[state.symbols[place]] if known[0] >= first]
            for at, factor, available_time, _ in waiting:
                if at < event_time:
                    state.rescale(place, factor)
                    state.marks[AVAILABLE, place] = max(int(state.marks[AVAILABLE, place]), available_time)
            state.marks[SPLIT, place] = min((at for at, _, _, _ in waiting if at >= event_time), default=NEVER)

    def state(self) -> dict[str, Any]:
        """Return the table as plain values, for a snapshot."""
        return {symbol: [list(known) for known in splits] for symbol, splits in self._splits.items()}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "SplitTable":
        """Rebuild a table from ``state()``."""
        table = cls()
        table._splits = {
            symbol: [(at, factor, available, offset) for at, factor, available, offset in splits]
            for symbol, splits in state.items()
        }
        return table


def _fault(symbol: str, code: str, detail: str) -> RowFault:
    return RowFault(row=0, symbol=symbol, code=code, detail=detail)
