"""The transactional producer: one transaction at a time, and what its errors mean."""

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from consumers.inference.errors import Fenced, RoundAborted
from consumers.inference.outbox import OutRecord
from infra.broker.bounded import Bounded, Overdue
from infra.broker.config import transactional_producer_config
from infra.broker.errors import BrokerError
from infra.broker.left_transactions import end_left_transactions
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from schemas.topics import TopicNames

_FENCED = (
    KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED, KafkaError.FENCED_INSTANCE_ID
)  # fmt: skip
_CALL_S = 10.0
#: librdkafka ends the call with the transaction's timeout, where it remembers to.
_OFFSETS_S = 1.5 * _CALL_S
#: An abort that isn't through by then never will be: librdkafka (its state is then to get a new producer epoch) was
#: seen to repeat a request that the broker refuses, because it has aborted the transaction for its age itself.
_ABORT_S = 3 * _CALL_S
_POLL_EVERY = 512


class Transactions:
    """Transactions of one instance slot. Every method raises ``Fenced`` once another process took the slot over,
    ``RoundAborted`` where the transaction can't be committed (it was aborted then), ``BrokerError`` where the
    producer is of no use any more.
    """

    def __init__(self, settings: Settings, transactional_id: str, stopping: Callable[[], bool]) -> None:
        self._settings = settings
        self._id = transactional_id
        self._stopping = stopping
        self._producer = Producer(transactional_producer_config(settings, transactional_id))
        self._snapshot_offsets: dict[int, int] = {}
        self._open = False
        self._offsets_call: Bounded[None] = Bounded("offsets")

    def start(self) -> None:
        """Take the slot: an open transaction of a predecessor is aborted, and the predecessor is fenced.

        What a broker that was killed left without its end is ended before anything is read or written.
        """
        self._insist(lambda: self._producer.init_transactions(_CALL_S))
        names = TopicNames(self._settings.topics.prefix)
        end_left_transactions(self._settings, self._id, (names.predictions, names.signals))

    def begin(self) -> None:
        """Open a transaction, unless one is open already."""
        if not self._open:
            self._snapshot_offsets = {}
            self._insist(self._producer.begin_transaction)
            self._open = True

    def send(self, records: Iterable[OutRecord]) -> None:
        """Produce records into the open transaction; they leave while the caller goes on."""
        produce: Any = self._producer.produce
        poll = self._producer.poll
        for number, (topic, value, key, partition, headers) in enumerate(records):
            while True:
                try:
                    produce(topic, value, key, partition, headers=headers)
                    break
                except BufferError:
                    poll(0.05)
                except KafkaException as error:
                    self._fail(error)
            if number % _POLL_EVERY == _POLL_EVERY - 1:
                poll(0)

    def send_snapshot(self, record: OutRecord) -> None:
        """Produce a router snapshot; ``snapshot_offset`` knows its place after ``flush``."""

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                self._snapshot_offsets[message.partition()] = message.offset()

        topic, value, key, partition, headers = record
        try:
            self._producer.produce(topic, value, key, partition, delivered, headers=[*headers])
        except (KafkaException, BufferError) as error:
            self._fail(error)

    def snapshot_offset(self, partition: int) -> int:
        """Wait for a snapshot's acknowledgement and return its offset in ``predictions``."""
        if partition not in self._snapshot_offsets:
            self._producer.flush(_CALL_S)
        if partition not in self._snapshot_offsets:
            self._abort("the router snapshot was not acknowledged in time")
        return self._snapshot_offsets[partition]

    def offsets(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Add offsets, with their metadata, to the open transaction."""
        group = consumer.consumer_group_metadata()

        def send() -> None:
            self._producer.send_offsets_to_transaction(places, group, _CALL_S)

        try:
            # librdkafka (2.16, its issue 5456) forgets the call's timeout while it looks for the group's coordinator:
            # after a restart of the broker it was seen to return after ten minutes.
            self._insist(lambda: self._offsets_call.run(send, _OFFSETS_S))
        except Overdue as error:
            raise BrokerError(f"transaction of {self._id}: offsets were not added ({error}): this one ends") from error

    def commit(self) -> None:
        """Commit: from now on everything of the transaction counts."""
        self._insist(lambda: self._producer.commit_transaction(_CALL_S))
        self._open = False

    def cancel(self) -> None:
        """Abort what is open, if anything: the caller can't complete it."""
        with contextlib.suppress(RoundAborted):
            if self._open:
                self._abort("the round can't be completed")

    def abandon(self) -> None:
        """Try once to abort what is open, because this process ends: readers need not wait for the timeout then."""
        if self._open:
            with contextlib.suppress(KafkaException):
                self._producer.abort_transaction(_CALL_S)

    def _insist(self, call: Callable[[], Any]) -> None:
        """Repeat a call while its error says that this helps; the transaction's timeout on the broker bounds it."""
        pause = 0.005
        while True:
            try:
                call()
                return
            except KafkaException as error:
                kafka_error = error.args[0]
                if not kafka_error.retriable() or self._stopping():
                    self._fail(error)
                get_logger().warning("kafka_retry", reason=kafka_error.str())
            time.sleep(pause)
            pause = min(pause * 2, 1.0)

    def _fail(self, error: BaseException) -> None:
        kafka_error = error.args[0] if isinstance(error, KafkaException) else None
        if kafka_error is None:
            self._abort(str(error))
        elif kafka_error.code() in _FENCED:
            raise Fenced(
                f"another process runs under the transactional id {self._id}: this one ends. "
                "Give each instance a number of its own (--instance)"
            ) from error
        elif kafka_error.txn_requires_abort():
            self._abort(kafka_error.str())
        raise BrokerError(f"transaction of {self._id}: {kafka_error.str() if kafka_error else error}") from error

    def _abort(self, reason: str) -> None:
        get_logger().warning("transaction_aborted", reason=reason)
        try:
            self._insist_abort()
            self._open = False
        except KafkaException as error:
            if error.args[0].code() in _FENCED:
                raise Fenced(f"another process runs under the transactional id {self._id}: this one ends") from error
            raise BrokerError(f"transaction of {self._id} can't be aborted: {error.args[0].str()}") from error
        raise RoundAborted(reason)

    def _insist_abort(self) -> None:
        end = time.monotonic() + _ABORT_S
        while True:
            try:
                self._producer.abort_transaction(_CALL_S)
                return
            except KafkaException as error:
                if not error.args[0].retriable() or self._stopping() or time.monotonic() >= end:
                    raise
            time.sleep(0.05)
