"""The partitions' logs as one, ordered by event time: a merge, not one partition after another."""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import NamedTuple

from pipeline.engine import LogMessage
from schemas.bars import BarBatch, Watermark


class LogEntry(NamedTuple):
    """A message of ``bars`` with its place. ``time``: how far event time had come on its partition, ns UTC."""

    time: int
    partition: int
    offset: int
    message: LogMessage


def aligned(lanes: Mapping[int, Iterable[tuple[int, LogMessage]]]) -> Iterator[LogEntry]:
    """Merge lanes (partition → its (offset, message) pairs in log order) by event time.

    Each lane stays in its own order: a late bar has the time that its partition had reached. Among equal times the
    lower partition comes first. Lanes are read as they are needed, one message ahead.
    """
    yield from merge(*(_timed(partition, lane) for partition, lane in sorted(lanes.items())), key=_order)


def _timed(partition: int, lane: Iterable[tuple[int, LogMessage]]) -> Iterator[LogEntry]:
    reached = 0
    for offset, message in lane:
        if isinstance(message, BarBatch | Watermark):
            reached = max(reached, message.event_time)
        yield LogEntry(reached, partition, offset, message)


def _order(entry: LogEntry) -> tuple[int, int]:
    return entry.time, entry.partition
