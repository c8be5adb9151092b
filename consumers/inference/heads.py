"""How far the log has come, in bar time."""

from collections.abc import Mapping

from consumers.inference.commit_metadata import CommitMetadata, from_text
from infra.broker.admin import group_offsets, low_high_offsets
from infra.broker.errors import BrokerError
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.bars import BarBatch
from schemas.codec import decode
from schemas.errors import DecodeError
from schemas.partitioning import partition_of
from schemas.row_faults import bar_row_faults
from schemas.topics import TopicNames

#: Messages of a partition that are read at the most: beyond a lag as long as that, its newest bars say enough.
_TAIL = 20_000


def standings(settings: Settings) -> dict[int, CommitMetadata]:
    """Return what each partition's newest commit of the inference carries. Raises BrokerError where there is none."""
    names = TopicNames(settings.topics.prefix)
    group = f"{settings.topics.prefix}signaltape-inference"
    found = group_offsets(settings, group, names.features, settings.topics.partitions)
    metadata = {}
    for number, place in found.items():
        where = f"{names.features}[{number}]"
        if place is None:
            raise BrokerError(f"{where}: the inference has no committed offset; run `signaltape init`")
        metadata[number] = from_text(place[1], f"{where} at offset {place[0]}")
    return metadata


def committed_heads(standing: Mapping[int, CommitMetadata]) -> dict[int, int | None]:
    """Return the highest bar time (ns UTC) that the inference has committed on each partition."""
    return {number: one.standing.head for number, one in standing.items()}


def log_heads(settings: Settings, standing: Mapping[int, CommitMetadata], *, until: float) -> dict[int, int | None]:
    """Return the highest bar time (ns UTC) on each partition of ``bars``, None before its first bar.

    That is what the inference has committed, and the bars behind it that are still on their way: an event written
    now comes after those. A batch without a usable row on its partition makes nothing and doesn't count; one whose
    feed is not open there does, as that takes the whole log to tell: the next bar's time may then lie too late.
    Raises ReadingLate if those on their way can't be read before the monotonic time ``until``.
    """
    topic = TopicNames(settings.topics.prefix).bars
    bounds = low_high_offsets(settings, topic)
    heads = committed_heads(standing)
    starts = {}
    for number, one in standing.items():
        low, high = bounds[number]
        after = 0 if one.standing.fence is None else one.standing.fence[0] + 1
        start = max(low, after, high - _TAIL)
        if start < high:
            starts[number] = start
    if not starts:
        return heads
    ends = {number: bounds[number][1] for number in starts}
    for record in read_topic(settings, topic, from_offsets=starts, to_offsets=ends, until=until):
        try:
            message = decode(record.value or b"")
        except DecodeError:
            continue
        if not isinstance(message, BarBatch) or message.event_time <= (heads[record.partition] or 0):
            continue
        if _usable(message, record.partition, len(bounds)):
            heads[record.partition] = message.event_time
    return heads


def _usable(batch: BarBatch, partition: int, partitions: int) -> bool:
    """False if each row is one that the feature agent sends to the dead letters whatever came before it."""
    good, _ = bar_row_faults(batch)
    return any(
        ok and partition_of(symbol, partitions) == partition for symbol, ok in zip(batch.symbols, good, strict=True)
    )
