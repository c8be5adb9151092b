"""The log of bars from its topic, one partition at a time."""

from collections.abc import Iterator, Mapping

from infra.broker.admin import low_high_offsets
from infra.broker.reading import read_topic
from infra.history.errors import HistoryError
from infra.settings import Settings
from pipeline.engine import LogMessage
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.topics import TopicNames

_AHEAD_KB = 4_096


def topic_lanes(
    settings: Settings, starts: Mapping[int, int] | None = None
) -> dict[int, Iterator[tuple[int, LogMessage]]]:
    """Partition → its (offset, message) pairs from ``starts`` (default: its first message) to its present end.

    What can't be decoded is left out, as the feature agent does. Raises HistoryError where an offset has expired.
    """
    topic = TopicNames(settings.topics.prefix).bars
    found = {}
    for partition, (low, high) in sorted(low_high_offsets(settings, topic).items()):
        start = 0 if starts is None else starts.get(partition, 0)
        if start < low:
            raise HistoryError(
                f"{topic}[{partition}] begins at offset {low:,}, offset {start:,} has expired: what was before is in "
                "the store; give --source store"
            )
        found[partition] = topic_lane(settings, topic, partition, start, high)
    return found


def topic_lane(
    settings: Settings, topic: str, partition: int, start: int, end: int
) -> Iterator[tuple[int, LogMessage]]:
    """Yield (offset, message) from ``start`` to ``end`` (exclusive)."""
    if start >= end:
        return
    records = read_topic(
        settings, topic, from_offsets={partition: start}, to_offsets={partition: end}, ahead_kb=_AHEAD_KB
    )
    for record in records:
        try:
            message = decode(record.value)
        except DecodeError:
            continue
        if isinstance(message, BarBatch | Watermark | Adjustment | StateRepair | ControlEvent):
            yield record.offset, message
