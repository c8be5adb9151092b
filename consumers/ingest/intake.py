"""From records of ``bars-in`` to groups in the merge; what can't be a bar becomes a rejection."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from consumers.ingest.bar_clock import BarClock
from consumers.ingest.bar_groups import BarGroup, GroupKey
from consumers.ingest.merge import PartitionMerge
from infra.service_settings import IngestSettings
from schemas.errors import DecodeError
from schemas.fields import BoolArray, I8Array
from schemas.raw_bar import RawBar, decode_raw_bar
from schemas.raw_columns import NO_TIME, RawColumns, decode_raw_bars

_SECOND = 1_000_000_000
#: A lot with a fault is halved until it is so small; then each record is looked at by itself.
_SMALL = 16


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that can't become a bar: where it stands, and why."""

    record: Any
    code: str
    detail: str


class Intake:
    """Decodes, checks times against the clock (only here: the log itself never looks at one) and groups.

    A bar that names no ``available_time`` was available at its close plus ``lag_s``; a revised one, or one behind the
    newest close before it in its partition, when it arrived (the broker's time of its message). Both are the same on
    a re-read: the newest close before an offset is kept with the group's offset.
    """

    def __init__(self, merge: PartitionMerge, clock: BarClock, settings: IngestSettings) -> None:
        self._merge = merge
        self._clock = clock
        self._lag = int(settings.lag_s * _SECOND)
        self._tolerance = int(settings.future_tolerance_s * _SECOND)
        self._source = settings.feed

    def take(self, partition: int, records: Sequence[Any], wall_ns: int, now: float) -> list[Rejection]:
        """Add the bars in records of one partition, in offset order, to the merge; return what was rejected.

        ``wall_ns`` is the wall clock (ns UTC), ``now`` the monotonic time (s).
        """
        rejected: list[Rejection] = []
        lots = [records] if records else []
        while lots:
            lot = lots.pop()
            columns = decode_raw_bars([record.value() for record in lot])
            if columns is not None and int(columns.event_time.max()) <= wall_ns + self._tolerance:
                self._add(partition, lot, columns, now)
            elif len(lot) > _SMALL:
                half = len(lot) // 2
                lots += [lot[half:], lot[:half]]
            else:
                rejected += [fault for record in lot if (fault := self._one(partition, record, wall_ns, now))]
        return rejected

    def _one(self, partition: int, record: Any, wall_ns: int, now: float) -> Rejection | None:
        try:
            bar = decode_raw_bar(record.value())
        except DecodeError as error:
            return Rejection(record, error.code, error.detail)
        if bar.event_time > wall_ns + self._tolerance:
            ahead = (bar.event_time - wall_ns) / _SECOND
            return Rejection(record, "future_time", f"closes {ahead:.1f} s ahead of the clock")
        self._add(partition, [record], _as_columns(bar), now)
        return None

    def _add(self, partition: int, records: Sequence[Any], columns: RawColumns, now: float) -> None:
        """Cut the bars into runs of one key each and add them."""
        times = columns.event_time
        newest = np.maximum.accumulate(np.concatenate(([self._clock.newest(partition)], times)))
        available = self._available(records, columns, newest[:-1])
        ends = np.flatnonzero(_changes(columns, available)) + 1
        start = 0
        for end in [*ends.tolist(), len(records)]:
            key = self._key(columns, available, start)
            group = self._merge.last(partition)
            if group is None or group.key != key:
                group = BarGroup(key, now, records[start].offset(), int(newest[start]))
                self._merge.add(partition, group)
            group.add(columns.symbols[start:end], columns.prices[:, start:end])
            start = end
        self._clock.saw(partition, int(newest[-1]), now)

    def _available(self, records: Sequence[Any], columns: RawColumns, newest: I8Array) -> I8Array:
        times = columns.event_time
        available = times + self._lag
        behind = times < newest
        if columns.revision is not None:
            behind |= columns.revision > 0
        for row in np.flatnonzero(behind).tolist():
            available[row] = max(int(available[row]), records[row].timestamp()[1] * 1_000_000)
        if columns.available_time is not None:
            given = columns.available_time != NO_TIME
            available[given] = columns.available_time[given]
        return available

    def _key(self, columns: RawColumns, available: I8Array, row: int) -> GroupKey:
        source = columns.source[row] if columns.source is not None else ""
        feed = columns.feed[row] if columns.feed is not None else ""
        revision = int(columns.revision[row]) if columns.revision is not None else 0
        return GroupKey(
            int(columns.event_time[row]), columns.interval[row], source or feed or self._source, revision,
            int(available[row]),
        )  # fmt: skip


def _changes(columns: RawColumns, available: I8Array) -> BoolArray:
    """Where a row's key differs from that of the row before: (n - 1,)."""
    times = columns.event_time
    differs: BoolArray = (times[1:] != times[:-1]) | (available[1:] != available[:-1])
    for column in (columns.interval, columns.source, columns.feed, columns.revision):
        if column is not None:
            values = np.array(column, dtype=object)
            differs |= (values[1:] != values[:-1]).astype(np.bool_)
    return differs


def _as_columns(bar: RawBar) -> RawColumns:
    volume = np.nan if bar.volume is None else bar.volume
    return RawColumns(
        symbols=(bar.symbol,),
        interval=(bar.interval,),
        event_time=np.array([bar.event_time]),
        prices=np.array([[bar.open], [bar.high], [bar.low], [bar.close], [volume]]),
        source=(bar.source,),
        feed=(bar.feed,),
        revision=np.array([bar.revision]),
        available_time=np.array([NO_TIME if bar.available_time is None else bar.available_time]),
    )
