"""History for a backfill: bars of a file, each with the time from which the world could know it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from producers.bar_files import parquet_times, read_bars
from producers.bar_table import BarTable
from producers.errors import BarInputError
from producers.splits import Split
from producers.timestamps import parse_time
from schemas.bars import BarBatch
from schemas.fields import BoolArray, I8Array
from schemas.intervals import session_of
from schemas.names import MAX_NAME, is_name
from schemas.partitioning import partitions_of

_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Availability:
    """When a bar could be known: its close plus ``lag`` (ns), or what ``column`` of the file says."""

    lag: int | None = None
    column: str | None = None

    def __post_init__(self) -> None:
        if (self.lag is None) == (self.column is None):
            raise BarInputError(
                "say when the bars could be known: --available-lag 0s (or 15m, 1d …: close + lag), or"
                " --available-column NAME (a column of times); there is no default, and only one of both"
            )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class History:
    """Bars whose times ascend for each symbol, with ``available_time``, int64 (n,), ns UTC, at or after the close.

    ``symbols`` (m,) are distinct; ``place`` int64 (n,) says which one a row belongs to. ``last`` int64 (m,): the
    close of each symbol's last bar.
    """

    table: BarTable
    available_time: I8Array
    symbols: tuple[str, ...]
    place: I8Array
    last: I8Array


def read_history(path: Path, interval: str, stamp: str, availability: Availability) -> History:
    """Read and check a whole file; nothing of it is used unless all of it is good.

    Raises ``BarInputError`` with line or row numbers: what ``read_bars`` refuses, names that can't be symbols, bars
    out of order or twice, a ``1d`` symbol with two closes in one session, bars known before they close.
    """
    table = read_bars(path, interval, stamp)
    names, place = np.unique(table.symbol, return_inverse=True)
    if bad := [name for name in names.tolist() if not is_name(name)]:
        raise BarInputError(f"{path}: symbol {bad[0]!r:.140} is longer than {MAX_NAME} characters or holds a NUL")
    _refuse_disorder(path, table, place)
    if availability.column is None:
        available = table.event_time + np.int64(availability.lag or 0)
    else:
        available = _column_times(path, availability.column, len(table))
        _refuse(path, table, available < table.event_time, f"{availability.column} lies before the bar's close")
    return history_of(table, available)


def history_of(table: BarTable, available_time: I8Array) -> History:
    """Return a checked table as a history."""
    names, place = np.unique(table.symbol, return_inverse=True)
    last = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(last, place, table.event_time)
    return History(
        table=table,
        available_time=available_time,
        symbols=tuple(names.tolist()),
        place=place.astype(np.int64),
        last=last,
    )


def check_splits(path: Path, splits: tuple[Split, ...], history: History) -> None:
    """Raise ``BarInputError`` for a split of a symbol without bars in the file, or two splits at one time."""
    known, seen = set(history.symbols), set()
    for split in splits:
        if split.symbol not in known:
            raise BarInputError(
                f"{path}: the split of {split.symbol!r} has no bars in the file of history; leave it out"
            )
        if split.effective_time % 1_000 or (split.symbol, split.effective_time) in seen:
            raise BarInputError(f"{path}: the split of {split.symbol!r} at {split.effective_time} stands there twice")
        seen.add((split.symbol, split.effective_time))


class Sections:
    """The batches of a history in time order: one for each (close, partition, available time).

    ``len`` is their number, ``sizes`` int64 (n,) their bars; iterating gives (partition, batch).
    """

    def __init__(self, history: History, *, partitions: int, feed: str, source: str) -> None:
        self._feed, self._source = feed, source
        partition = partitions_of(list(history.symbols), partitions)[history.place]
        table = history.table
        order = np.lexsort((history.place, history.available_time, partition, table.event_time))
        self._table = table.take(order)
        self._keys = np.stack([partition[order], history.available_time[order]])
        changed = (self._keys[:, 1:] != self._keys[:, :-1]).any(axis=0) | (np.diff(self._table.event_time) != 0)
        self._starts = np.flatnonzero(np.r_[True, changed])
        self._ends = np.r_[self._starts[1:], len(order)]
        self.sizes: I8Array = self._ends - self._starts

    def __len__(self) -> int:
        return int(self._starts.shape[0])

    def __iter__(self) -> Iterator[tuple[int, BarBatch]]:
        for start, end in zip(self._starts.tolist(), self._ends.tolist(), strict=True):
            yield int(self._keys[0, start]), self._batch(slice(start, end))

    def _batch(self, rows: slice) -> BarBatch:
        table = self._table
        return BarBatch(
            feed=self._feed,
            source=self._source,
            interval=table.interval,
            event_time=int(table.event_time[rows.start]),
            available_time=int(self._keys[1, rows.start]),
            symbols=tuple(table.symbol[rows].tolist()),
            open=table.open[rows],
            high=table.high[rows],
            low=table.low[rows],
            close=table.close[rows],
            volume=table.volume[rows],
            volume_valid=table.volume_valid[rows],
        )


def _refuse_disorder(path: Path, table: BarTable, place: npt.NDArray[np.intp]) -> None:
    order = np.argsort(place, kind="stable")
    same = np.r_[False, np.diff(place[order]) == 0]
    step = np.r_[np.int64(1), np.diff(table.event_time[order])]
    found = np.zeros(len(table), dtype=np.bool_)
    kinds = [
        ("a bar comes after a later one of its symbol; sort the file by time", same & (step < 0)),
        ("a bar of the same symbol and time stands there before", same & (step == 0)),
    ]
    if table.interval == "1d":
        days = np.r_[np.int64(1), np.diff(session_of(table.event_time[order]))]  # type: ignore[arg-type]
        kinds.append(("the symbol has a close in the same UTC session before", same & (step > 0) & (days == 0)))
    for what, mask in kinds:
        found[:] = False
        found[order[mask]] = True
        _refuse(path, table, found, what)


def _refuse(path: Path, table: BarTable, bad: BoolArray, what: str) -> None:
    if bad.any():
        rows = np.flatnonzero(bad)
        shown = ", ".join(f"{table.line[row]} ({table.symbol[row]})" for row in rows[:_SHOWN])
        more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        raise BarInputError(f"{path}: {what}: line {shown}{more}. Nothing was loaded")


def _column_times(path: Path, column: str, rows: int) -> I8Array:
    """Return a column of times, ns UTC, int64 (rows,), in the file's order."""
    times = _parquet_column(path, column) if path.suffix.lower() == ".parquet" else _csv_column(path, column)
    if times.shape[0] != rows:
        raise BarInputError(f"{path}: the file changed while it was read; run again when it is complete")
    return times


def _parquet_column(path: Path, column: str) -> I8Array:
    try:
        file = pq.ParquetFile(path)
        if column not in file.schema_arrow.names:
            raise BarInputError(f"{path}: column {column} is missing (found: {', '.join(file.schema_arrow.names)})")
        return parquet_times(path, file.read(columns=[column])[column], column)
    except (pa.ArrowException, OSError) as error:
        raise BarInputError(f"{path}: not a readable Parquet file ({error})") from error


def _csv_column(path: Path, column: str) -> I8Array:
    times = []
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        names = [name.strip().lower() for name in next(reader, [])]
        if column.lower() not in names:
            raise BarInputError(f"{path}: column {column} is missing (found: {', '.join(names)})")
        at = names.index(column.lower())
        for row in filter(None, reader):
            try:
                times.append(parse_time(row[at]))
            except ValueError as error:
                raise BarInputError(f"{path}, line {reader.line_num}, column {column}: {error}") from error
    return np.array(times, dtype=np.int64)
