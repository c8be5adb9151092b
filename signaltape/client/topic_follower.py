"""Following a topic without a consumer group: every partition, committed messages only."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, TopicPartition

from infra.broker.config import consumer_config
from infra.settings import Settings
from signaltape.client.errors import ClientError

#: Where to start: ``"beginning"``, ``"end"``, ``"recent"`` (the look-back), or the next offset of each partition.
Start = Literal["beginning", "end", "recent"] | Mapping[int, int]
_METADATA_TIMEOUT_S = 10.0
_ENDS = {"beginning": OFFSET_BEGINNING, "end": OFFSET_END}


@dataclass(frozen=True, slots=True)
class Taken:
    """One record as it was read. ``at_end`` is True (and ``value`` None) when the partition has nothing more now."""

    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None
    content_type: str
    at_end: bool


class TopicFollower:
    """Reads all partitions of one topic as ``read_committed``. Not safe to share between threads."""

    def __init__(self, settings: Settings, topic: str, start: Start, lookback_s: float) -> None:
        self._topic = topic
        self._consumer = Consumer(consumer_config(settings, f"reader-{topic}", **{"enable.partition.eof": True}))
        try:
            self.partitions = self._partitions()
            self._consumer.assign(self._starts(start, lookback_s))
        except BaseException:
            self._consumer.close()
            raise

    def poll(self, timeout_s: float, most: int = 500) -> Iterator[Taken]:
        """Yield what is there, waiting at most ``timeout_s`` for the first record."""
        first = self._consumer.poll(timeout_s)
        if first is None:
            return
        # consume() waits until it has all it may take: ask it only for what is there already
        messages: list[Any] = [first, *self._consumer.consume(most, 0.0)]
        for message in messages:
            error = message.error()
            if error is None:
                headers = dict(message.headers() or [])
                yield Taken(
                    message.partition(),
                    message.offset(),
                    message.timestamp()[1],
                    message.value(),
                    (headers.get("content-type") or b"").decode(),
                    False,
                )
            elif error.code() == KafkaError._PARTITION_EOF:
                yield Taken(message.partition(), message.offset(), 0, None, "", True)
            elif error.code() in (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET):
                raise ClientError(
                    f"{self._topic}: the offset to start from is not there any more; start from 'recent' instead"
                )
            elif not error.retriable() and error.fatal():
                raise ClientError(f"{self._topic}: {error.str()}")

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _partitions(self) -> list[int]:
        found: Any = self._consumer.list_topics(self._topic, _METADATA_TIMEOUT_S).topics.get(self._topic)
        if found is None or found.error is not None or not found.partitions:
            raise ClientError(f"topic {self._topic} does not exist; run `signaltape init`, or check the prefix setting")
        return sorted(found.partitions)

    def _starts(self, start: Start, lookback_s: float) -> list[TopicPartition]:
        if not isinstance(start, str):
            unknown = set(start) - set(self.partitions)
            if unknown:
                raise ClientError(f"{self._topic} has no partition {sorted(unknown)}; it has {len(self.partitions)}")
            return [TopicPartition(self._topic, p, start.get(p, OFFSET_BEGINNING)) for p in self.partitions]
        if start in _ENDS:
            return [TopicPartition(self._topic, p, _ENDS[start]) for p in self.partitions]
        since = int((time.time() - lookback_s) * 1000)
        asked = [TopicPartition(self._topic, p, since) for p in self.partitions]
        return list(self._consumer.offsets_for_times(asked, _METADATA_TIMEOUT_S))
