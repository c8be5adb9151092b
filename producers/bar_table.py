"""Bars as columns, before they become messages."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.fields import BoolArray, F8Array, I8Array

StrArray = npt.NDArray[np.str_]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BarTable:
    """n bars of one interval, in any order.

    ``event_time`` is the bar's close in ns UTC. Prices and ``volume`` are float64; ``volume_valid`` is False where
    the source gives no volume (the value there is 0). ``line`` is the row's line or row number in its source,
    for error messages.
    """

    interval: str
    symbol: StrArray
    event_time: I8Array
    open: F8Array
    high: F8Array
    low: F8Array
    close: F8Array
    volume: F8Array
    volume_valid: BoolArray
    line: I8Array

    def __len__(self) -> int:
        return len(self.event_time)

    def take(self, rows: npt.NDArray[np.intp] | BoolArray) -> "BarTable":
        """Return the given rows (an index array or a mask) as a table of their own."""
        return BarTable(
            interval=self.interval,
            symbol=self.symbol[rows],
            event_time=self.event_time[rows],
            open=self.open[rows],
            high=self.high[rows],
            low=self.low[rows],
            close=self.close[rows],
            volume=self.volume[rows],
            volume_valid=self.volume_valid[rows],
            line=self.line[rows],
        )

    def in_time_order(self) -> "BarTable":
        """Return the rows sorted by (event_time, symbol); equal keys keep their order."""
        return self.take(np.lexsort((self.symbol, self.event_time)))

    def between(self, start: int | None = None, end: int | None = None) -> "BarTable":
        """Return the rows with ``start`` < event_time <= ``end`` (ns UTC; None = unbounded)."""
        if start is None and end is None:
            return self
        keep = np.ones(len(self), dtype=np.bool_)
        if start is not None:
            keep &= self.event_time > start
        if end is not None:
            keep &= self.event_time <= end
        return self.take(keep)


def concatenate(tables: list[BarTable]) -> BarTable:
    """Join tables of one interval, rows in the order given."""
    if len({table.interval for table in tables}) != 1:
        raise ValueError("tables of different intervals can't be joined into one")
    names = ("symbol", "event_time", "open", "high", "low", "close", "volume", "volume_valid", "line")
    columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
    return BarTable(interval=tables[0].interval, **columns)
