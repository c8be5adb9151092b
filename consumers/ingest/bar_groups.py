"""Bars of ``bars-in`` gathered by close: what becomes one cross-section in ``bars``."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.bars import BarBatch
from schemas.partitioning import partitions_of
from schemas.raw_bar import RawBar


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What the bars of one batch share; ordered by close, so that groups sort in time order."""

    event_time: int
    interval: str
    source: str
    revision: int
    available_time: int


@dataclass(slots=True)
class BarGroup:
    """Bars with one key that follow each other in one partition of ``bars-in``, with the records they came from.

    ``since`` is the monotonic time (s) at which the first of them was taken.
    """

    key: GroupKey
    since: float
    symbols: list[str] = field(default_factory=list)
    rows: list[tuple[float, float, float, float, float | None]] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)

    def add(self, bar: RawBar, record: Any) -> None:
        """Append one bar and the record that carried it."""
        self.symbols.append(bar.symbol)
        self.rows.append((bar.open, bar.high, bar.low, bar.close, bar.volume))
        self.records.append(record)


def key_of(bar: RawBar, *, default_source: str, lag: int, arrival: int, newest: int) -> GroupKey:
    """Return the key of a bar.

    A bar that names no ``available_time`` was available at its close plus ``lag`` (ns); a revised one, or one behind
    the ``newest`` close of its partition, at ``arrival`` (the broker's time of its message, so the same on a re-read).
    """
    available = bar.available_time
    if available is None:
        behind = bar.revision > 0 or bar.event_time < newest
        available = max(bar.event_time + lag, arrival if behind else 0)
    return GroupKey(bar.event_time, bar.interval, bar.source or bar.feed or default_source, bar.revision, available)


def batches_of(groups: list[BarGroup], feed: str, partitions: int) -> Iterator[tuple[int, BarBatch, list[Any]]]:
    """Yield (partition of ``bars``, batch, record of each row) for groups that share one key.

    A symbol that occurs twice opens another batch, so that the log keeps both bars in their order.
    """
    key = groups[0].key
    symbols = [symbol for group in groups for symbol in group.symbols]
    rows = [row for group in groups for row in group.rows]
    records = [record for group in groups for record in group.records]
    places: dict[tuple[int, int], list[int]] = {}
    seen: dict[str, int] = {}
    for place, (symbol, partition) in enumerate(zip(symbols, partitions_of(symbols, partitions).tolist(), strict=True)):
        repeat = seen.get(symbol, 0)
        seen[symbol] = repeat + 1
        places.setdefault((repeat, partition), []).append(place)
    for (_, partition), chosen in sorted(places.items()):
        batch = _batch(key, feed, [symbols[place] for place in chosen], [rows[place] for place in chosen])
        yield partition, batch, [records[place] for place in chosen]


def _batch(
    key: GroupKey, feed: str, symbols: list[str], rows: list[tuple[float, float, float, float, float | None]]
) -> BarBatch:
    opening, high, low, close, volume = zip(*rows, strict=True)
    valid = np.array([value is not None for value in volume], dtype=np.bool_)
    return BarBatch(
        feed=feed,
        source=key.source,
        interval=key.interval,
        event_time=key.event_time,
        available_time=key.available_time,
        revision=key.revision,
        symbols=tuple(symbols),
        open=np.array(opening, dtype=np.float64),
        high=np.array(high, dtype=np.float64),
        low=np.array(low, dtype=np.float64),
        close=np.array(close, dtype=np.float64),
        volume=np.array([value or 0.0 for value in volume], dtype=np.float64),
        volume_valid=valid,
    )
