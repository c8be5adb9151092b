"""The log of bars from its topic, one partition at a time."""

from collections.abc import Iterable, Iterator

from infra.broker.admin import low_high_offsets
from infra.broker.reading import Record, read_topic
from infra.history.errors import HistoryError
from infra.settings import Settings
from pipeline.engine import LogMessage
from schemas.codec import decode
from schemas.errors import DecodeError
from schemas.topics import TopicNames

_AHEAD_KB = 4_096


def topic_lane(
    settings: Settings, partition: int, start: int, end: int | None = None
) -> Iterator[tuple[int, LogMessage]]:
    """Return (offset, message) pairs of a partition from ``start`` to ``end`` (exclusive; None: its present end).

    They are read as they are needed; what can't be decoded is left out, as the feature agent does. Raises HistoryError
    at once where ``start`` has expired.
    """
    topic = TopicNames(settings.topics.prefix).bars
    low, high = low_high_offsets(settings, topic)[partition]
    stop = high if end is None else end
    if start < low and start < stop:
        raise HistoryError(
            f"{topic}[{partition}] begins at offset {low:,}: offset {start:,}, which the range needs, has "
            "expired. What was before is in the store: give --source store"
        )
    return _read(settings, topic, partition, (start, stop))


def _read(settings: Settings, topic: str, partition: int, stretch: tuple[int, int]) -> Iterator[tuple[int, LogMessage]]:
    start, end = stretch
    if start >= end:
        return
    records = read_topic(
        settings, topic, from_offsets={partition: start}, to_offsets={partition: end}, ahead_kb=_AHEAD_KB
    )
    for record, message in log_messages(records):
        yield record.offset, message


def log_messages(records: Iterable[Record]) -> Iterator[tuple[Record, LogMessage]]:
    """Yield records of ``bars`` with their messages; what can't be decoded is left out, as the feature agent does."""
    for record in records:
        try:
            message = decode(record.value)
        except DecodeError:
            continue
        if isinstance(message, LogMessage):
            yield record, message
