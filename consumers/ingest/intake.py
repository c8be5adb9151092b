"""From records of ``bars-in`` to groups in the merge; what can't be a bar becomes a rejection."""

from dataclasses import dataclass
from typing import Any

from consumers.ingest.bar_clock import BarClock
from consumers.ingest.bar_groups import BarGroup, key_of
from consumers.ingest.merge import PartitionMerge
from infra.service_settings import IngestSettings
from schemas.errors import DecodeError
from schemas.raw_bar import decode_raw_bar

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that can't become a bar: where it stands, and why."""

    record: Any
    code: str
    detail: str


class Intake:
    """Decodes, checks times against the clock (only here: the log itself never looks at one) and groups."""

    def __init__(self, merge: PartitionMerge, clock: BarClock, settings: IngestSettings) -> None:
        self._merge = merge
        self._clock = clock
        self._lag = int(settings.lag_s * _SECOND)
        self._tolerance = int(settings.future_tolerance_s * _SECOND)
        self._source = settings.feed

    def take(self, records: list[Any], wall_ns: int, now: float) -> list[Rejection]:
        """Add each record's bar to the merge and return what was rejected.

        ``wall_ns`` is the wall clock (ns UTC), ``now`` the monotonic time (s).
        """
        rejected: list[Rejection] = []
        latest = wall_ns + self._tolerance
        for record in records:
            try:
                bar = decode_raw_bar(record.value())
            except DecodeError as error:
                rejected.append(Rejection(record, error.code, error.detail))
                continue
            if bar.event_time > latest:
                ahead = (bar.event_time - wall_ns) / _SECOND
                rejected.append(Rejection(record, "future_time", f"closes {ahead:.1f} s ahead of the clock"))
                continue
            partition = record.partition()
            key = key_of(
                bar,
                default_source=self._source,
                lag=self._lag,
                arrival=record.timestamp()[1] * 1_000_000,
                newest=self._clock.newest(partition),
            )
            self._clock.saw(partition, bar.event_time, now)
            group = self._merge.last(partition)
            if group is None or group.key != key:
                group = BarGroup(key, now)
                self._merge.add(partition, group)
            group.add(bar, record)
        return rejected
