"""What really stands in a partition, asked through a client that has nothing to do with Faust's."""

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.shell import handler
from infra.broker.config import consumer_config
from infra.settings import Settings


class LogProbe:
    """Looks into partitions without a group: where a log ends, whether messages lie in a range.

    Offsets alone can't tell: transaction markers take offsets and are never delivered. Not thread-safe. Every
    method raises KafkaException while Kafka is away.
    """

    def __init__(self, settings: Settings, *, read_committed: bool, timeout_s: float = 5.0) -> None:
        isolation = "read_committed" if read_committed else "read_uncommitted"
        self._timeout_s = timeout_s
        self._consumer = Consumer(
            consumer_config(
                settings,
                "signaltape-probe",
                **{
                    "isolation.level": isolation, "enable.auto.commit": False, "enable.partition.eof": True,
                    "auto.offset.reset": "earliest", "queued.min.messages": 1,
                    "fetch.wait.max.ms": 10, "log_level": 0,
                },
            )
        )  # fmt: skip

    def ends(self, partition: handler.TopicPartition) -> tuple[int, int]:
        """Return the first offset and the next offset to be written (read_committed: the last stable one)."""
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=self._timeout_s)
        return low, high

    def first_from(self, partition: handler.TopicPartition, offset: int) -> int | None:
        """Return the offset of the first message at or after ``offset``, None if there is none yet."""
        self._consumer.assign([TopicPartition(*partition, offset)])
        try:
            message = self._consumer.poll(self._timeout_s)
        finally:
            self._consumer.unassign()
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer for {partition[0]} {partition[1]}"))
        error = message.error()
        if error is None:
            return message.offset()
        if error.code() == KafkaError._PARTITION_EOF:
            return None
        raise KafkaException(error)

    def missing(self, partition: handler.TopicPartition, first: int, end: int) -> bool:
        """Return whether messages from ``first`` up to ``end`` exist, or existed and have expired."""
        found = self.first_from(partition, first)
        low, _ = self.ends(partition)  # afterwards: what expires meanwhile was not seen
        return low > first or (found is not None and found < end)

    def quiet(self, positions: Mapping[handler.TopicPartition, int]) -> dict[handler.TopicPartition, tuple[int, int]]:
        """Return (position, end of the log) of partitions that end beyond it, if no message lies, or lay, between."""
        found = {}
        for key, position in positions.items():
            end = self.ends(key)[1]
            if end > position and not self.missing(key, position, end):
                found[key] = position, end
        return found

    def close(self) -> None:
        """Release the client."""
        self._consumer.close()
