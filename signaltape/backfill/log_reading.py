"""The log of bars from some offset on: from the topic, and what has expired there from the warehouse's record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.broker.admin import low_high_offsets
from infra.broker.reading import read_topic
from infra.history.topic_lanes import log_messages
from infra.settings import Settings
from infra.warehouse.stored_log import stored_messages
from pipeline.engine import LogMessage
from schemas.topics import TopicNames
from signaltape.backfill.errors import BackfillRefused


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """What is to be read of a partition: from ``start`` to ``end`` (exclusive), in the log since ``generation``."""

    start: int
    end: int
    generation: int


def read_log(settings: Settings, stretches: Mapping[int, Stretch]) -> Iterator[tuple[int, int, LogMessage]]:
    """Yield (partition, offset, message), each partition in its order; what can't be decoded is left out.

    The topic is what the agent took. Where its retention has dropped messages, the stored record stands for them; in a
    log that began anew (its topic was recreated) that record can lack bars which an earlier log had stored under the
    same key: then it is refused.
    """
    topic = TopicNames(settings.topics.prefix).bars
    lows = {partition: low for partition, (low, _) in low_high_offsets(settings, topic).items()}
    for partition, one in stretches.items():
        if one.start >= min(lows[partition], one.end):
            continue
        if one.generation > 1:
            raise BackfillRefused(
                f"{topic}[{partition}] begins at offset {lows[partition]}, and what was before belongs to a log that"
                " was begun anew: what is stored of it may not be all. The set can't be added to this log"
            )
        end = min(lows[partition], one.end)
        for offset, message in stored_messages(settings, partition, one.generation, one.start, end):
            yield partition, offset, message
    starts = {partition: max(one.start, lows[partition]) for partition, one in stretches.items()}
    ends = {partition: one.end for partition, one in stretches.items()}
    for record, message in log_messages(read_topic(settings, topic, from_offsets=starts, to_offsets=ends)):
        yield record.partition, record.offset, message
