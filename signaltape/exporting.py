"""Stored bars as a table again: the way into another log, where symbols lie on other partitions."""

from datetime import datetime

import numpy as np

from infra.errors import OperatorError
from infra.settings import Settings
from infra.warehouse.connection import connect
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from producers.bar_table import BarTable
from schemas.intervals import INTERVALS


class ExportError(OperatorError):
    """There is nothing to export; the message says what was looked for."""


def stored_bars(settings: Settings, interval: str, first: int | None = None, last: int | None = None) -> BarTable:
    """Return the bars of an interval between two closes (ns UTC, both included), in time order.

    Of a bar that was corrected the newest revision, of several vendors the one whose bars make features; bars that came
    late are in it. Prices are as they were published: splits within the range are not applied. All of it is held in
    memory. Raises ExportError where there is no bar.
    """
    if interval not in INTERVALS:
        raise ExportError(f"interval {interval!r} is not known; use one of {', '.join(INTERVALS)}")
    values: dict[str, str | datetime | None] = {
        "interval": interval,
        "first": None if first is None else to_moment(first),
        "last": None if last is None else to_moment(last),
    }
    with connect(settings, name="signaltape-export") as connection:
        rows = connection.execute(queries("export")["newest bars"], values).fetchall()
    if not rows:
        raise ExportError(f"there are no stored bars of interval {interval} in this range")
    symbol, at, *prices, volume = zip(*rows, strict=True)
    opened, high, low, close = (np.asarray(column, dtype=np.float64) for column in prices)
    return BarTable(
        interval=interval,
        symbol=np.asarray(symbol, dtype=np.str_),
        event_time=np.asarray([to_nanoseconds(one) for one in at], dtype=np.int64),
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=np.asarray([0.0 if one is None else one for one in volume], dtype=np.float64),
        volume_valid=np.asarray([one is not None for one in volume], dtype=np.bool_),
        line=np.arange(1, len(rows) + 1, dtype=np.int64),
    )
