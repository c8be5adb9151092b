"""The symbols that a report draws: those with the most trades, with their prices, fills and signals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.fields import F8Array, I8Array
from signaltape.backtest.prices import PriceCourse, PriceSample
from signaltape.backtest.result import Backtest

SHOWN = 4
_SIDES = {"long": 1, "short": -1, "flat": 0}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ShownSymbol:
    """A symbol's course: closes at some bar times, all of its fills (``units``: bought, negative for sold), and the
    ``sides`` that its signals asked for (1, 0, -1; empty where signals were not kept). Times are ns UTC."""

    prices: PriceCourse
    fill_time: I8Array
    units: F8Array
    fill_price: F8Array
    signal_time: I8Array
    sides: I8Array


def shown_symbols(found: Backtest, prices: PriceSample) -> tuple[ShownSymbol, ...]:
    """The symbols with the most trades, ties and those without any by what they traded; read from the files."""
    by = found.by_symbol
    order = sorted(range(len(by.symbol)), key=lambda at: (-by.trades[at], -by.traded[at], by.symbol[at]))[:SHOWN]
    names = [by.symbol[at] for at in order]
    if not names:
        return ()
    fills = _rows(found.folder / "fills.parquet", names, ["symbol", "event_time", "units", "price"])
    signals: dict[str, pa.Table] = {}
    if found.request.keep_signals:
        signals = _rows(found.folder / "signals.parquet", names, ["symbol", "event_time", "signal"], change="signal")
    return tuple(
        ShownSymbol(
            prices=course,
            fill_time=_times(fills.get(course.symbol)),
            units=_numbers(fills.get(course.symbol), "units"),
            fill_price=_numbers(fills.get(course.symbol), "price"),
            signal_time=_times(signals.get(course.symbol)),
            sides=_sides(signals.get(course.symbol)),
        )
        for course in prices.courses(names)
    )


def _rows(path: Path, symbols: list[str], columns: list[str], *, change: str = "") -> dict[str, pa.Table]:
    """The rows of ``symbols``, read piece by piece: no more than theirs are held.

    With ``change``, in each piece only those whose value in that column differs from the one before: a signal that
    is repeated bar after bar draws nothing new.
    """
    kept: dict[str, list[pa.Table]] = {symbol: [] for symbol in symbols}
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=columns):
            table = pa.Table.from_batches([batch])
            for symbol in symbols:
                rows = table.filter(pc.equal(table["symbol"], symbol))
                kept[symbol].append(_changes(rows, change) if change else rows)
    return {symbol: pa.concat_tables(found) for symbol, found in kept.items() if found}


def _changes(rows: pa.Table, column: str) -> pa.Table:
    values = np.asarray(rows[column].to_pylist(), object)
    return rows.filter(pa.array(np.append(True, values[1:] != values[:-1])[: len(values)]))


def _times(rows: pa.Table | None) -> I8Array:
    if rows is None:
        return np.empty(0, np.int64)
    return np.asarray(rows["event_time"].cast(pa.int64()).to_numpy(), np.int64)


def _numbers(rows: pa.Table | None, name: str) -> F8Array:
    return np.empty(0) if rows is None else np.asarray(rows[name].to_numpy(), np.float64)


def _sides(rows: pa.Table | None) -> I8Array:
    said: list[Any] = [] if rows is None else rows["signal"].to_pylist()
    return np.array([_SIDES[one] for one in said], np.int64)
