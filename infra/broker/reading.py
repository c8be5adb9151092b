"""Reading a topic from somewhere to its end, without a group: for counts, restores and reports."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from infra.broker.config import consumer_config
from infra.broker.errors import BrokerError, ReadingLate, TopicError
from infra.broker.permissions import NOT_PERMITTED, reason_of, refuse_unpermitted
from infra.settings import Settings

_METADATA_S = 10.0
_SILENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Record:
    """One message with its address; ``timestamp_ms`` is the producer's or broker's, as the topic keeps it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def record_of(message: Any) -> Record:
    """Return a confluent-kafka message as a ``Record``."""
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )


def read_topic(
    settings: Settings,
    topic: str,
    *,
    isolation: str = "read_committed",
    from_offsets: Mapping[int, int] | None = None,
    to_offsets: Mapping[int, int] | None = None,
    until: float | None = None,
    ahead_kb: int | None = None,
) -> Iterator[Record]:
    """Yield every message from ``from_offsets`` (partition → first offset; missing partitions are left out) to the end.

    None reads all partitions from their beginning. ``to_offsets`` (partition → offset behind the last one wanted) ends
    a partition earlier. The end is what the broker calls the end while reading (the last stable offset under
    ``read_committed``), so markers of transactions and aborted messages are never counted. Raises ``BrokerError`` if
    nothing arrives for thirty seconds before the end, ``ReadingLate`` if the monotonic time ``until`` comes before it.
    ``ahead_kb`` bounds what is fetched ahead: for several readers side by side, each read slowly.
    """
    options: dict[str, Any] = {"enable.partition.eof": True, "isolation.level": isolation}
    if ahead_kb is not None:
        options |= {"queued.max.messages.kbytes": ahead_kb, "queued.min.messages": 1_000}
    consumer = Consumer(consumer_config(settings, f"read-{topic}", **options))
    try:
        starts = (
            from_offsets if from_offsets is not None else dict.fromkeys(_partitions(consumer, topic), OFFSET_BEGINNING)
        )
        ends = to_offsets or {}
        starts = {p: start for p, start in starts.items() if p not in ends or start < ends[p]}
        left = set(starts)
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in starts.items()])
        while left:
            messages = _next(consumer, until)
            if not messages:
                raise _silent(topic, left, until)
            for message in messages:
                error = message.error()
                if error is None:
                    end = ends.get(message.partition())
                    if end is None or message.offset() < end:
                        yield record_of(message)
                    if end is not None and message.offset() >= end - 1 and message.partition() in left:
                        left.discard(message.partition())
                        consumer.pause([TopicPartition(topic, message.partition())])
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                    raise BrokerError(f"{topic}[{message.partition()}]: the offset to read from is not there any more")
                elif error.fatal() or error.code() in NOT_PERMITTED:
                    raise BrokerError(f"{topic}: {reason_of(error)}")
    finally:
        consumer.close()


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    found: Any = consumer.list_topics(topic, _METADATA_S).topics.get(topic)
    if found is not None and found.error is not None:
        refuse_unpermitted(found.error, f"topic {topic}")
    if found is None or found.error is not None or not found.partitions:
        raise TopicError(f"topic {topic} does not exist; run `signaltape init`, or check the prefix setting")
    return sorted(found.partitions)


def _next(consumer: Consumer, until: float | None) -> list[Any]:
    """Return the next message and what is already there behind it (``consume`` alone would wait to fill its batch)."""
    wait_s = _SILENCE_S if until is None else min(_SILENCE_S, until - time.monotonic())
    first = consumer.poll(wait_s) if wait_s > 0 else None
    return [] if first is None else [first, *consumer.consume(2_000, 0.0)]


def _silent(topic: str, left: set[int], until: float | None) -> BrokerError:
    if until is not None and time.monotonic() >= until:
        return ReadingLate(f"{topic}: partitions {sorted(left)} could not be read to their end in time")
    return BrokerError(
        f"{topic}: nothing came for {_SILENCE_S:g} s, and partitions {sorted(left)} are not at their end"
    )
