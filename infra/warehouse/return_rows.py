"""Matured returns as bulk rows: the batches of one source message, one a horizon, become one row a maturing bar."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from infra.warehouse.bulk import Rows
from infra.warehouse.checkpoints import revision_of
from infra.warehouse.copy_format import (
    INT2,
    INT4,
    INT8,
    OIDS,
    Array,
    Column,
    Number,
    Text,
    float_array,
    time_array,
    times,
)
from infra.warehouse.feature_rows import symbol_column
from schemas.features import ReturnBatch
from schemas.fields import BoolArray, F8Array, I8Array

#: (batch, partition, generation)
ReturnPart = tuple[ReturnBatch, int, int]
#: Batches of one bar message that belong into the same rows, with partition and generation.
Maturing = tuple[list[ReturnBatch], int, int]


def return_rows(parts: Sequence[ReturnPart]) -> Rows:
    """Rows of `returns`: arrays over the horizons that matured with the bar, ascending."""
    wanted = [part for part in parts if part[0].symbols]
    if not wanted:
        return Rows.of("returns", (), ())
    groups: list[Maturing] = [
        (sorted((batch for batch, _, _ in group), key=lambda batch: batch.horizon), key[0], key[1])
        for key, group in groupby(sorted(wanted, key=_source), key=_source)
    ]
    width = max(len(batches) for batches, _, _ in groups)
    tables = [_table(batches, width) for batches, _, _ in groups]
    counts = np.array([len(table[0]) for table in tables])
    firsts = [batches[0] for batches, _, _ in groups]
    revisions = [revision_of(generation, batches[0].link.position[0]) for batches, _, generation in groups]
    horizons, moments, values, present = (np.concatenate([table[part] for table in tables]) for part in range(1, 5))
    group: dict[str, Column] = {
        "symbol": Text.joined([symbol_column(symbols) for symbols, *_ in tables]),
        "interval": Text.of([batch.interval for batch in firsts]).repeat(counts),
        "event_time": times(np.repeat([batch.event_time for batch in firsts], counts)),
        "revision": Number(values=np.repeat(revisions, counts), kind=INT8),
        "available_time": times(np.repeat([batch.available_time for batch in firsts], counts)),
        "kind": Text.of([batch.kind for batch in firsts]).repeat(counts),
        "horizons": Array(values=horizons, present=present, kind=INT2, oid=OIDS["int2"], ragged=True),
        "prediction_times": time_array(moments, present),
        "log_returns": float_array(values, present, ragged=True),
        "partition": Number(values=np.repeat([partition for _, partition, _ in groups], counts), kind=INT4),
    }
    return Rows.of("returns", [group], [int(counts.sum())])


def _source(part: ReturnPart) -> tuple[int, int, int, str, int, str]:
    batch, partition, generation = part
    return partition, generation, batch.link.position[0], batch.interval, batch.event_time, batch.kind


def _table(batches: Sequence[ReturnBatch], width: int) -> tuple[tuple[str, ...], I8Array, I8Array, F8Array, BoolArray]:
    """Symbols, and horizons, prediction times, returns and presence of shape (symbols, width)."""
    widest = max(batches, key=lambda batch: len(batch.symbols))
    symbols = widest.symbols
    if any(batch.symbols != symbols for batch in batches):
        symbols = tuple(dict.fromkeys(symbol for batch in (widest, *batches) for symbol in batch.symbols))
    place = {symbol: row for row, symbol in enumerate(symbols)}
    shape = (len(symbols), width)
    horizons, moments = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    for column, batch in enumerate(batches):
        everybody = batch.symbols == symbols
        rows = slice(None) if everybody else np.array([place[symbol] for symbol in batch.symbols])
        horizons[rows, column] = batch.horizon
        moments[rows, column] = batch.prediction_time
        values[rows, column] = batch.log_return
        present[rows, column] = True
    return symbols, horizons, moments, values, present
