"""Bars from CSV and Parquet files: columns symbol, ts, open, high, low, close and, where known, volume."""

import csv
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from producers.bar_checks import refuse_faulty_rows
from producers.bar_table import BarTable, concatenate
from producers.errors import BarInputError
from producers.timestamps import check_ns, parse_time, to_close
from schemas.intervals import INTERVALS

REQUIRED = ("symbol", "ts", "open", "high", "low", "close")
PRICES = ("open", "high", "low", "close")
_CHUNK = 50_000
_LINES_SHOWN = 5


def read_bars(path: Path, interval: str, stamp: str) -> BarTable:
    """Read every bar of ``path`` (``.csv`` or ``.parquet``) in the file's order.

    ``stamp`` says whether ``ts`` is a bar's ``"open"`` or its ``"close"``. A row that can't be a bar refuses the
    whole file: nothing of it has been published then. Raises ``BarInputError`` that names the line.
    """
    if interval not in INTERVALS:
        raise BarInputError(f"interval {interval!r} is not known; use one of {', '.join(INTERVALS)}")
    if stamp not in ("open", "close"):
        raise BarInputError(f"stamp is {stamp!r}; say whether the file stamps a bar's open or its close")
    if not path.is_file():
        raise BarInputError(f"{path}: no such file")
    readers: dict[str, Callable[[Path], list[_Columns]]] = {".csv": _read_csv, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BarInputError(f"{path}: ending {path.suffix!r} is not known; give a .csv or .parquet file")
    chunks = reader(path)
    if not chunks:
        raise BarInputError(f"{path}: the file holds no bar")
    table = concatenate([_table(columns, interval, stamp) for columns in chunks])
    refuse_faulty_rows(path, table)
    return table


def write_bars(path: Path, table: BarTable) -> None:
    """Write bars to ``.csv`` or ``.parquet`` as ``read_bars(path, interval, "close")`` reads them."""
    volume = pa.array(table.volume, mask=~table.volume_valid)
    names = [*REQUIRED, "volume"]
    columns = [pa.array(table.symbol.tolist()), table.event_time, *(getattr(table, name) for name in PRICES), volume]
    written = pa.table(dict(zip(names, columns, strict=True)))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".parquet":
        pq.write_table(written, path, compression="zstd")
    elif path.suffix.lower() == ".csv":
        pa_csv.write_csv(written, path)
    else:
        raise BarInputError(f"{path}: ending {path.suffix!r} is not known; give a .csv or .parquet file")


_Columns = dict[str, npt.NDArray[Any]]


def _table(columns: _Columns, interval: str, stamp: str) -> BarTable:
    volume = columns["volume"]
    valid = ~np.isnan(volume)
    return BarTable(
        interval=interval,
        symbol=columns["symbol"],
        event_time=to_close(columns["ts"], interval, stamp),
        **{name: columns[name] for name in PRICES},
        volume=np.where(valid, volume, 0.0),
        volume_valid=valid,
        line=columns["line"],
    )


def _missing_columns(path: Path, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise BarInputError(
            f"{path}: column {', '.join(missing)} is missing; a file of bars has {', '.join(REQUIRED)}"
            f" and, where known, volume (found: {', '.join(names) or 'none'})"
        )


def _read_csv(path: Path) -> list[_Columns]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        try:
            reader = csv.reader(stream)
            names = [name.strip().lower() for name in next(reader, [])]
            _missing_columns(path, names)
            return list(_csv_chunks(path, reader, names))
        except UnicodeDecodeError as error:
            raise BarInputError(f"{path}: not a text file in UTF-8 ({error.reason})") from error
        except csv.Error as error:
            raise BarInputError(f"{path}, line {reader.line_num}: {error}") from error


def _csv_chunks(path: Path, reader: Any, names: list[str]) -> Iterator[_Columns]:
    """Yield columns of up to ``_CHUNK`` rows, so that no more than one chunk of strings is in memory."""
    place = {name: names.index(name) for name in (*REQUIRED, "volume") if name in names}
    parse: dict[str, Callable[[str], Any]] = {"symbol": str.strip, "ts": parse_time}
    while rows := [(reader.line_num, row) for row in islice(reader, _CHUNK) if row]:
        columns: dict[str, list[Any]] = {name: [] for name in (*place, "line")}
        for line, row in rows:
            if len(row) < len(names):
                raise BarInputError(f"{path}, line {line}: {len(row)} of {len(names)} columns")
            for name, at in place.items():
                try:
                    columns[name].append(parse.get(name, _number)(row[at]))
                except ValueError as error:
                    raise BarInputError(f"{path}, line {line}, column {name}: {error}") from error
            columns["line"].append(line)
        yield _arrays(columns)


def _number(text: str) -> float:
    return float(text) if text.strip() else float("nan")


def _arrays(columns: dict[str, list[Any]]) -> _Columns:
    kinds: dict[str, Any] = {"symbol": np.str_, "ts": np.int64, "line": np.int64}
    made = {name: np.array(values, dtype=kinds.get(name, np.float64)) for name, values in columns.items()}
    made.setdefault("volume", np.full(len(made["line"]), np.nan))
    return made


def _read_parquet(path: Path) -> list[_Columns]:
    try:
        file = pq.ParquetFile(path)
        _missing_columns(path, file.schema_arrow.names)
        names = [name for name in (*REQUIRED, "volume") if name in file.schema_arrow.names]
        table = file.read(columns=names)
    except (pa.ArrowException, OSError) as error:
        raise BarInputError(f"{path}: not a readable Parquet file ({error})") from error
    if table.num_rows == 0:
        return []
    columns: _Columns = {
        "symbol": _parquet_symbols(path, table["symbol"]),
        "ts": parquet_times(path, table["ts"], "ts"),
        "line": np.arange(1, table.num_rows + 1, dtype=np.int64),
    }
    for name in (*PRICES, "volume"):
        columns[name] = _parquet_floats(path, table, name)
    return [columns]


def _parquet_symbols(path: Path, column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    """Few names stand in many rows: each becomes a Python string once."""
    _refuse_rows(path, np.asarray(column.is_null().to_numpy()), "symbol", "is null")
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    names = np.array(coded.dictionary.to_pylist(), dtype=np.str_)
    return names[np.asarray(coded.indices.to_numpy(), dtype=np.int64)]


def _parquet_floats(path: Path, table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    try:
        return np.asarray(table[name].cast(pa.float64()).fill_null(float("nan")).to_numpy(), dtype=np.float64)
    except pa.ArrowException as error:
        raise BarInputError(f"{path}, column {name}: not numbers ({error})") from error


def parquet_times(path: Path, column: pa.ChunkedArray, name: str) -> npt.NDArray[np.int64]:
    """Return a column of times as ns UTC, int64 (n,): timestamps with a zone, ISO-8601 text with one, or integer ns.

    Raises ``BarInputError`` that names the column, and the row where it is one row's fault.
    """
    kind = column.type
    if column.null_count:
        _refuse_rows(path, np.asarray(column.is_null().to_numpy()), name, "is null")
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            raise BarInputError(f"{path}, column {name}: the timestamps have no zone; store them with tz='UTC'")
        return np.asarray(column.cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_numpy(), dtype=np.int64)
    if pa.types.is_integer(kind):
        return _integer_times(path, column, name)
    times = np.empty(len(column), dtype=np.int64)
    for row, value in enumerate(column.to_pylist()):
        try:
            times[row] = parse_time(value)
        except (ValueError, AttributeError) as error:
            raise BarInputError(f"{path}, row {row + 1}, column {name}: {error}") from error
    return times


def _integer_times(path: Path, column: pa.ChunkedArray, name: str) -> npt.NDArray[np.int64]:
    try:
        times = np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
    except pa.ArrowException as error:
        raise BarInputError(f"{path}, column {name}: not times in ns ({error})") from error
    if len(times):
        lowest = int(np.argmin(times))
        try:
            check_ns(int(times[lowest]))
        except ValueError as error:
            raise BarInputError(f"{path}, row {lowest + 1}, column {name}: {error}") from error
    return times


def _refuse_rows(path: Path, bad: npt.NDArray[np.bool_], column: str, what: str) -> None:
    if bad.any():
        rows = ", ".join(str(row + 1) for row in np.flatnonzero(bad)[:_LINES_SHOWN])
        raise BarInputError(f"{path}, row {rows}, column {column}: {what}")
