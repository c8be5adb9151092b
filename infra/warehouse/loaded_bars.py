"""Histories that `backfill FILE` has loaded, as they were given to the engine."""

from typing import Any

import numpy as np

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.recompute import History
from schemas.fields import F8Array


def loaded_history(connection: Connection, partition: int, interval: str) -> tuple[History, dict[str, str]]:
    """Every loaded bar of a partition's symbols in an interval, in order of time; second: each symbol's source."""
    place = {"partition": partition, "interval": interval}
    rows = connection.execute(queries("added_sets")["loaded bars"], place).fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 10
    symbols = tuple(dict.fromkeys(columns[0]))
    places = {symbol: number for number, symbol in enumerate(symbols)}

    def times(column: Any) -> Any:
        return np.array([to_nanoseconds(moment) for moment in column], dtype=np.int64)

    def prices(column: Any) -> F8Array:
        return np.array(column, dtype=np.float64)  # NULL becomes NaN: the source gives no volume

    history = History(
        symbols=symbols,
        place=np.array([places[symbol] for symbol in columns[0]], dtype=np.int64),
        event_time=times(columns[1]),
        open=prices(columns[2]),
        high=prices(columns[3]),
        low=prices(columns[4]),
        close=prices(columns[5]),
        volume=prices(columns[6]),
        revision=np.array(columns[7], dtype=np.int64),
        available_time=times(columns[8]),
        source_offset=np.full(len(rows), -1, dtype=np.int64),
    )
    return history, dict(zip(columns[0], columns[9], strict=True))
