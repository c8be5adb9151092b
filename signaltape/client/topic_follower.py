"""Following a topic without a consumer group: every partition, committed messages only."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from infra.broker.config import consumer_config
from infra.broker.permissions import NOT_PERMITTED, reason_of
from infra.broker.settling import until_answered
from infra.settings import Settings
from signaltape.client.errors import ClientError, ClientUsageError

#: Where to start: ``"beginning"``, ``"end"``, ``"recent"`` (the look-back), or the next offset of each partition
#: (those that it doesn't name: from the beginning).
Start = Literal["beginning", "end", "recent"] | Mapping[int, int]
NAMED_STARTS = ("beginning", "end", "recent")
Answer = TypeVar("Answer")
_METADATA_TIMEOUT_S = 10.0
_PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError._TRANSPORT,
    }
)
#: Errors that don't pass by themselves.
_FINAL = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
    }
)


class Taken(NamedTuple):
    """One record as it was read, or, with ``at_end``, that every record below ``offset`` was returned.

    The latter comes once at least, when a partition is read up to where it ended at the start; and where it ends later,
    which may lie beyond its last record: ends of transactions take offsets too.
    """

    partition: int
    offset: int
    value: bytes | None
    record: Any
    at_end: bool

    def content_type(self) -> str:
        """What the header says; reading headers costs more than the rest of a record: only where it is needed."""
        for name, value in self.record.headers() or ():
            if name == "content-type":
                return (value or b"").decode(errors="replace")
        return ""


class TopicFollower:
    """Reads all partitions of one topic as ``read_committed``. Not safe to share between threads.

    ``starts`` holds the first offset read of each partition: what is written after the constructor returned is read
    in any case. ``unread`` holds the partitions that aren't read up to where they ended then.
    """

    def __init__(self, settings: Settings, topic: str, start: Start | str, lookback_s: float) -> None:
        self.topic = topic
        self._failure: ClientError | None = None
        self._consumer = Consumer(consumer_config(settings, f"reader-{topic}", **{"enable.partition.eof": True}))
        try:
            partitions = self._partitions()
            bounds = {p: self._bounds(p) for p in partitions}
            self._ends = {p: high for p, (_, high) in bounds.items()}
            self.starts = self._starts(start, lookback_s, bounds)
            self.unread = set(partitions)
            self._consumer.assign([TopicPartition(topic, p, offset) for p, offset in self.starts.items()])
        except KafkaException as error:
            self._consumer.close()
            raise ClientError(f"{topic}: {reason_of(error.args[0])}; is Kafka reachable?") from error
        except BaseException:
            self._consumer.close()
            raise

    def poll(self, timeout_s: float, most: int = 1_000) -> list[Taken]:
        """Return what is there, waiting at most ``timeout_s`` for the first record.

        Raises ``ClientError`` for what doesn't pass by itself, after everything before it was returned, and again
        at each later call. While Kafka is away, nothing comes.
        """
        self._raise_failure()
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        found: list[Taken] = []
        # consume() waits until it has all it may take: ask it only for what is there already
        messages: list[Any] = [first, *self._consumer.consume(most, 0.0)]
        for message in messages:
            error = message.error()
            if error is None:
                self._add(message, found)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._note_end(message.partition(), message.offset(), found)
            elif self._is_final(error, message):
                break
        if not found:
            self._raise_failure()
        return found

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _add(self, message: Any, found: list[Taken]) -> None:
        partition, offset = message.partition(), message.offset()
        if partition in self.unread and offset >= self._ends[partition]:
            self._note_end(partition, self._ends[partition], found)
        found.append(Taken(partition, offset, message.value(), message, False))
        if partition in self.unread and offset + 1 >= self._ends[partition]:
            self._note_end(partition, offset + 1, found)

    def _note_end(self, partition: int, end: int, found: list[Taken]) -> None:
        self.unread.discard(partition)
        found.append(Taken(partition, end, None, None, True))

    def _is_final(self, error: Any, message: Any) -> bool:
        if error.code() in (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET):
            self._failure = ClientError(
                f"{self.topic}[{message.partition()}]: the offset to start from is not there any more (expired, or the"
                " topic was made anew): what lay between is not known; start without stored positions"
            )
        elif error.code() in _FINAL or error.fatal():
            self._failure = ClientError(f"{self.topic}: {reason_of(error)}")
        return self._failure is not None

    def _partitions(self) -> list[int]:
        found: Any = self._consumer.list_topics(self.topic, _METADATA_TIMEOUT_S).topics.get(self.topic)
        if found is not None and found.error is not None and found.error.code() in NOT_PERMITTED:
            raise ClientError(f"{self.topic}: {reason_of(found.error)}")
        if found is None or found.error is not None or not found.partitions:
            raise ClientError(f"topic {self.topic} does not exist; run `signaltape init`, or check the prefix setting")
        return sorted(found.partitions)

    def _bounds(self, partition: int) -> tuple[int, int]:
        """First offset that is there, and the one after the last that is committed."""
        place = TopicPartition(self.topic, partition)
        bounds = _patiently(lambda: self._consumer.get_watermark_offsets(place, _METADATA_TIMEOUT_S))
        if bounds is None:
            raise ClientError(f"{self.topic}[{partition}]: the broker doesn't say where it ends; is it up?")
        return bounds

    def _starts(self, start: Start | str, lookback_s: float, bounds: dict[int, tuple[int, int]]) -> dict[int, int]:
        if not isinstance(start, str):
            unknown = set(start) - set(bounds)
            if unknown:
                raise ClientUsageError(f"{self.topic} has no partition {sorted(unknown)}; it has {len(bounds)}")
            return {p: start.get(p, OFFSET_BEGINNING) for p in bounds}
        if start == "beginning":
            return {p: low for p, (low, _) in bounds.items()}
        if start == "end":
            return dict(self._ends)
        if start != "recent":
            raise ClientUsageError(f"start {start!r} is not known; use one of {', '.join(NAMED_STARTS)}")
        since = int((time.time() - lookback_s) * 1000)
        asked = [TopicPartition(self.topic, p, since) for p in bounds]
        found = _patiently(lambda: self._consumer.offsets_for_times(asked, _METADATA_TIMEOUT_S))
        # Nothing so young: from the end as it was asked for, because a logical end moves on until it is resolved.
        return {place.partition: place.offset if place.offset >= 0 else self._ends[place.partition] for place in found}


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask again while the answer is one that passes: a topic just made, or a leader just changed."""
    return until_answered(ask, _METADATA_TIMEOUT_S, lambda error: error.retriable() or error.code() in _PASSING)
