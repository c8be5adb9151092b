"""Features and returns of bars at hand, by the same engine that runs on the log."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig
from schemas.bars import Adjustment, BarBatch, Watermark
from schemas.features import FeatureBatch, ReturnBatch
from schemas.fields import BoolArray, F8Array, I8Array
from schemas.row_faults import RowFault

_FEED = "offline"
#: Array of Python strings.
Text = npt.NDArray[Any]


class BarColumns(Protocol):
    """Bars as columns of one length: ``event_time`` int64 ns UTC (close), prices and volume float64."""

    @property
    def symbol(self) -> Text: ...
    @property
    def event_time(self) -> I8Array: ...
    @property
    def open(self) -> F8Array: ...
    @property
    def high(self) -> F8Array: ...
    @property
    def low(self) -> F8Array: ...
    @property
    def close(self) -> F8Array: ...
    @property
    def volume(self) -> F8Array: ...
    @property
    def volume_valid(self) -> BoolArray: ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureTable:
    """Vectors of all warm (symbol, bar), in order of time, within a time in the order of the input.

    ``values`` and ``valid``: (n, len(names)), 0 where not valid. ``returns``: horizon in bars → log return over it,
    float64 (n,), NaN where it hasn't matured. ``faults`` are rows refused (row number within its own time),
    ``duplicates`` counts rows dropped. ``set_hash`` names the computation.
    """

    names: tuple[str, ...]
    set_hash: str
    interval: str
    symbol: Text
    event_time: I8Array
    available_time: I8Array
    close: F8Array
    values: F8Array
    valid: BoolArray
    returns: dict[int, F8Array]
    faults: tuple[RowFault, ...]
    duplicates: int


def cross_sections(bars: BarColumns, interval: str, lag: int = 0, source: str = "file") -> "Sections":
    """Cut bars into batches, one per close time, in time order; rows of one time stay in the input's order."""
    return Sections(bars, interval, lag, source)


class Sections:
    """Iterable of the ``BarBatch``es of some bars; ``len`` is their number."""

    def __init__(self, bars: BarColumns, interval: str, lag: int, source: str) -> None:
        self._bars = bars
        self._fixed = (interval, lag, source)
        self._order = np.argsort(bars.event_time, kind="stable")
        times = bars.event_time[self._order]
        self._starts = np.flatnonzero(np.diff(times, prepend=times[:1] - 1)) if times.shape[0] else times

    def __len__(self) -> int:
        return int(self._starts.shape[0])

    def __iter__(self) -> Iterator[BarBatch]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: int) -> BarBatch:
        if not 0 <= place < len(self):
            raise IndexError(place)
        ends = [*self._starts[place + 1 : place + 2].tolist(), self._order.shape[0]]
        rows = self._order[int(self._starts[place]) : ends[0]]
        bars = self._bars
        interval, lag, source = self._fixed
        time = int(bars.event_time[rows[0]])
        return BarBatch(
            feed=_FEED,
            source=source,
            interval=interval,
            event_time=time,
            available_time=time + lag,
            symbols=tuple(bars.symbol[rows].tolist()),
            open=bars.open[rows],
            high=bars.high[rows],
            low=bars.low[rows],
            close=bars.close[rows],
            volume=bars.volume[rows],
            volume_valid=bars.volume_valid[rows],
        )


def compute(
    bars: BarColumns,
    interval: str,
    feature_set: str = "core",
    *,
    horizons: tuple[int, ...] = (1, 5, 20),
    splits: Sequence[Adjustment] = (),
    lag: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureTable:
    """Run bars of one source through the engine and return what it publishes.

    ``lag`` (ns) is added to a bar's close to give its available time. ``progress`` is called with (cross-sections
    done, all of them) now and then. Raises KeyError for an unknown set. Starts from each symbol's first bar.
    """
    engine = PartitionEngine(EngineConfig(partition=0, partitions=1, feature_sets=(feature_set,), horizons=horizons))
    log: list[Watermark | Adjustment] = [Watermark(feed=_FEED, event_time=0, state="open"), *splits]
    for offset, message in enumerate(log):
        engine.step(message, offset)
    sections = cross_sections(bars, interval, lag)
    features: list[FeatureBatch] = []
    returns: list[ReturnBatch] = []
    faults: list[RowFault] = []
    duplicates = 0
    for offset, batch in enumerate(sections, len(log)):
        step = engine.step(batch, offset)
        features += [one for one in step.features if isinstance(one, FeatureBatch) and one.symbols]
        returns += [one for one in step.returns if isinstance(one, ReturnBatch)]
        faults += step.faults
        duplicates += step.duplicates
        if progress is not None and offset % 256 == 0:
            progress(offset - len(log) + 1, len(sections))
    if progress is not None:
        progress(len(sections), len(sections))
    return _table(engine, interval, (features, returns), (tuple(faults), duplicates))


def _table(
    engine: PartitionEngine,
    interval: str,
    made: tuple[list[FeatureBatch], list[ReturnBatch]],
    refused: tuple[tuple[RowFault, ...], int],
) -> FeatureTable:
    features, returns = made
    (chosen,) = engine.sets
    width = len(chosen.names)
    symbols = [symbol for one in features for symbol in one.symbols]
    sizes = np.array([len(one.symbols) for one in features], dtype=np.int64)
    times = np.repeat(np.array([one.event_time for one in features], dtype=np.int64), sizes)
    table = FeatureTable(
        names=chosen.names,
        set_hash=chosen.hash,
        interval=interval,
        symbol=np.array(symbols, dtype=object),
        event_time=times,
        available_time=_joined([one.available_time for one in features], (0,), np.int64),
        close=_joined([one.close for one in features], (0,), np.float64),
        values=_joined([one.values for one in features], (0, width), np.float64),
        valid=_joined([one.valid for one in features], (0, width), np.bool_),
        returns={},
        faults=refused[0],
        duplicates=refused[1],
    )
    places = engine.states[interval].places if interval in engine.states else {}
    table.returns.update(_aligned(table, returns, places, engine.config.horizons))
    return table


def _joined(parts: Sequence[npt.NDArray[Any]], empty: tuple[int, ...], kind: Any) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(empty, dtype=kind)


def _aligned(
    table: FeatureTable, returns: list[ReturnBatch], places: dict[str, int], horizons: tuple[int, ...]
) -> dict[int, F8Array]:
    """Bring returns to the table's rows by (symbol, prediction time)."""
    times = np.unique(table.event_time)
    rows = _keys(table.symbol.tolist(), table.event_time, times, places)
    order = np.argsort(rows)
    found: dict[int, F8Array] = {}
    for horizon in horizons:
        mine = [one for one in returns if one.horizon == horizon]
        predicted = _joined([one.prediction_time for one in mine], (0,), np.int64)
        values = _joined([one.log_return for one in mine], (0,), np.float64)
        keys = _keys([symbol for one in mine for symbol in one.symbols], predicted, times, places)
        column = np.full(rows.shape[0], np.nan)
        if rows.shape[0]:
            at = order[np.minimum(np.searchsorted(rows, keys, sorter=order), rows.shape[0] - 1)]
            hit = (rows[at] == keys) & np.isin(predicted, times)
            column[at[hit]] = values[hit]
        found[horizon] = column
    return found


def _keys(symbols: list[str], at: I8Array, times: I8Array, places: dict[str, int]) -> I8Array:
    codes = np.fromiter((places[symbol] for symbol in symbols), np.int64, len(symbols))
    keys: I8Array = codes * (times.shape[0] + 1) + np.searchsorted(times, at)
    return keys
