"""From a table of bars to batches: one for each close and partition, in time order."""

from collections.abc import Iterator

import numpy as np

from producers.bar_table import BarTable
from schemas.bars import BarBatch
from schemas.partitioning import partitions_of


def cross_sections(
    table: BarTable, *, partitions: int, feed: str, source: str, lag: int = 0, revision: int = 0
) -> Iterator[tuple[int, list[tuple[int, BarBatch]]]]:
    """Yield (event_time, [(partition, batch), …]) for each close of ``table``, oldest first.

    ``available_time`` is the close plus ``lag`` (ns). Two rows of one symbol and close go into two batches, in the
    table's order, because a batch holds a symbol once.
    """
    if not len(table):
        return
    names, inverse = np.unique(table.symbol, return_inverse=True)
    partition = partitions_of([str(name) for name in names], partitions)[inverse]
    repeat = _repeats(table.event_time, inverse)
    order = np.lexsort((inverse, partition, repeat, table.event_time))
    ordered = table if (order[1:] > order[:-1]).all() else table.take(order)
    keys = np.stack([ordered.event_time, repeat[order], partition[order]])
    del inverse, partition, repeat, order  # a long table is held until its last section: no more than it
    starts = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)])
    ends = np.r_[starts[1:], len(ordered)]
    section: list[tuple[int, BarBatch]] = []
    current = -1
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        close = int(keys[0, start])
        if section and close != current:
            yield current, section
            section = []
        current = close
        symbols = tuple(ordered.symbol[start:end].tolist())
        batch = _batch(ordered, slice(start, end), symbols, (feed, source, lag, revision))
        section.append((int(keys[2, start]), batch))
    if section:
        yield current, section


def _repeats(event_time: np.ndarray, symbol: np.ndarray) -> np.ndarray:
    """Return, per row, how many earlier rows have the same close and symbol."""
    order = np.lexsort((symbol, event_time))
    same = np.r_[False, (np.diff(event_time[order]) == 0) & (np.diff(symbol[order]) == 0)]
    place = np.arange(len(order))
    first = np.maximum.accumulate(np.where(same, 0, place))
    counts = np.empty(len(order), dtype=np.int64)
    counts[order] = place - first
    return counts


def _batch(table: BarTable, rows: slice, symbols: tuple[str, ...], origin: tuple[str, str, int, int]) -> BarBatch:
    feed, source, lag, revision = origin
    close = int(table.event_time[rows.start])
    return BarBatch(
        feed=feed,
        source=source,
        interval=table.interval,
        event_time=close,
        available_time=close + lag,
        revision=revision,
        symbols=symbols,
        open=table.open[rows],
        high=table.high[rows],
        low=table.low[rows],
        close=table.close[rows],
        volume=table.volume[rows],
        volume_valid=table.volume_valid[rows],
    )
