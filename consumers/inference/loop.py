"""The loop of the inference consumer: rounds, each one Kafka transaction.

A round, with the numbers of its crash points:

1. take what is there on the partitions of ``features`` (bounded; no waiting for more), and fence it by the chain;
2. score it, let the router decide; memory moves on, nothing is visible yet;
3. produce signals and predictions into a transaction: those of one source message are on their way while the next
   one is scored (2 and 3 take turns);
4. add the offsets after the last closed source message of each partition, with fence, numbering and control state;
5. commit: only now anything counts. Then sums that can wait, and router snapshots that are due, in a transaction of
   their own with the same offsets, so that gateways don't wait for them.

A round that fails before 5 leaves nothing: the transaction is aborted, all memory dropped, and the partitions are
restored from their last commit. On assignment a partition is restored before its first message is taken.
"""

import threading
import time
from collections import deque
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumers.inference.commit_metadata import metadata_of
from consumers.inference.errors import REPAIR, CommitRefused, RoundAborted, judge
from consumers.inference.intake import Closed, Intake, Taken
from consumers.inference.models import LoadedModels
from consumers.inference.outbox import Outbox
from consumers.inference.preparing import prepare_models
from consumers.inference.report import RoundReport
from consumers.inference.restore import Owned, Place, Restorer
from consumers.inference.transaction import Transactions
from infra.broker.config import consumer_config
from infra.broker.errors import BrokerError
from infra.broker.reading import Record, record_of
from infra.crash_points import reach
from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from pipeline.routing.model_port import ModelUnavailable
from schemas.intervals import SECOND
from schemas.topics import TopicNames

_COMMITTED_S = 5.0
_COMMITTED_TRIES = 12
_IDLE_S = 0.1


class InferenceLoop:
    """One instance. Partitions come and go with the group; ``run`` returns when ``stop`` is set."""

    def __init__(
        self, settings: Settings, instance: int, *, models: LoadedModels, intake: Intake, report: RoundReport,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        names = TopicNames(settings.topics.prefix)
        slot = f"{settings.topics.prefix}signaltape-inference-{instance}"
        self._options = settings.inference
        self._topic = names.features
        self._models = models
        self._intake = intake
        self._report = report
        self._stop = stop
        self._outbox = Outbox(names, as_json=settings.inference.signal_format == "json")
        self._restorer = Restorer(settings, models)
        self._transactions = Transactions(settings, slot, stop.is_set)
        group = f"{settings.topics.prefix}signaltape-inference"
        self._consumer = Consumer(consumer_config(settings, group, **{"group.instance.id": slot}))
        self._owned: dict[int, Owned] = {}

    def partitions(self) -> list[int]:
        """Partitions that are served now; safe to call from any thread."""
        return list(self._owned)

    def run(self) -> None:
        """Run rounds until told to stop. Raises ``OperatorError`` where going on could lose or repeat something."""
        try:
            self._transactions.start()
            self._consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke)
            while not self._stop.is_set():
                self.round()
        finally:
            self._consumer.close()

    def round(self) -> None:
        """Take what is there, in one round or, where models are slow, in several; see the module's text."""
        records = deque(self._poll())
        while records:
            self._round(records)

    def _round(self, records: deque[Record]) -> None:
        start = time.perf_counter()
        reach("inference.1_taken")
        try:
            taken = self._intake.take(records, self._owned, self._send)
            reach("inference.2_scored")
            if not taken.moved:
                return
            self._complete(taken)
            self._report.committed(taken, self._owned, self._consumer, time.perf_counter() - start)
            self._keep_snapshots(taken)
        except ModelUnavailable as error:
            records.clear()
            self._transactions.cancel()
            self._hold(str(error))
        except RoundAborted:
            records.clear()
            self._rewind()
        except OperatorError:
            self._transactions.abandon()
            raise

    def _send(self, closed: Closed) -> None:
        """Steps 2 and 3 take turns: called after each closed source message."""
        self._transactions.begin()
        self._transactions.send(self._outbox.records(closed.partition, closed.position, closed.output, closed.trace))

    def _complete(self, taken: Taken) -> None:
        transactions = self._transactions
        transactions.begin()
        reach("inference.3_produced")
        transactions.offsets(self._consumer, [self._place(partition) for partition in sorted(taken.moved)])
        reach("inference.4_offsets")
        transactions.commit()
        reach("inference.5_committed")

    def _place(self, partition: int) -> TopicPartition:
        owned = self._owned[partition]
        text = metadata_of(owned.inference, owned.snapshot).to_text()
        return TopicPartition(self._topic, partition, owned.inference.state.features_offset, text)

    def _keep_snapshots(self, taken: Taken) -> None:
        """After the commit: add up statistics, and write the router snapshots that are due, with the same offsets."""
        due = []
        for partition in sorted(taken.moved):
            owned = self._owned[partition]
            owned.inference.state.stats.settle()
            owned.batches += taken.batches[partition]
            if self._is_due(owned):
                due.append(owned)
        if not due:
            return
        self._transactions.begin()
        for owned in due:
            self._transactions.send_snapshot(self._outbox.snapshot(owned.inference.snapshot()))
        for owned in due:
            owned.snapshot = self._transactions.snapshot_offset(owned.inference.partition)
            owned.batches, owned.snapshot_head = 0, owned.inference.standing.head
        places = [self._place(owned.inference.partition) for owned in due]
        self._transactions.offsets(self._consumer, places)
        self._transactions.commit()

    def _is_due(self, owned: Owned) -> bool:
        head = owned.inference.standing.head
        if head is None or owned.inference.half_taken:
            return False
        if owned.snapshot < 0 or owned.snapshot_head is None or owned.batches >= self._options.snapshot_batches:
            return True
        return head - owned.snapshot_head >= self._options.snapshot_event_s * SECOND

    def _poll(self) -> list[Record]:
        """Return the next message and what is already there behind it."""
        first = self._consumer.poll(_IDLE_S)
        if first is None:
            return []
        rest = self._consumer.consume(self._options.round_messages - 1, 0.0)
        records = []
        for message in (first, *rest):
            error = message.error()
            if error is not None:
                judge(error, self._topic)
            elif message.partition() in self._owned:
                records.append(record_of(message))
        return records

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Restore before anything is fetched."""
        places = self._committed([place.partition for place in partitions])
        self._restore(places)
        self._consumer.assign([TopicPartition(self._topic, n, place.offset) for n, place in places.items()])
        get_logger().info("assigned", partitions=sorted(places))

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Between rounds nothing is open: memory can simply go."""
        for place in partitions:
            self._owned.pop(place.partition, None)
            self._report.forget(self._topic, place.partition)

    def _restore(self, places: dict[int, Place]) -> None:
        self._owned = {}
        self._owned = self._restorer.restore(places)
        partitions = [owned.inference for owned in self._owned.values()]
        self._report.models(prepare_models(self._models.prepare, partitions))
        self._report.restored(self._owned)

    def _rewind(self) -> None:
        """Drop all memory and go back to the last commit of the partitions that are still ours."""
        assigned = [place.partition for place in self._consumer.assignment()]
        if not assigned:
            return
        places = self._committed(assigned)
        self._restore(places)
        for partition, place in places.items():
            self._consumer.seek(TopicPartition(self._topic, partition, place.offset))

    def _hold(self, reason: str) -> None:
        """Serve nothing while a live model can't predict; keep the group's membership, then try again."""
        get_logger().error("holding", reason=reason)
        self._report.models(reason)
        self._consumer.pause(self._consumer.assignment())
        end = time.monotonic() + self._options.retry_s
        while time.monotonic() < end and not self._stop.is_set():
            message = self._consumer.poll(_IDLE_S)
            # A fatal error is reported once: lost here, the loop would go on with a consumer that reads nothing.
            if message is not None and (error := message.error()) is not None:
                judge(error, self._topic)
        self._rewind()
        self._consumer.resume(self._consumer.assignment())

    def _committed(self, partitions: list[int]) -> dict[int, Place]:
        """Ask for committed offsets; waits for a predecessor's open transaction, which its timeout ends."""
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        for attempt in range(_COMMITTED_TRIES):
            try:
                found: list[Any] = self._consumer.committed(wanted, _COMMITTED_S)
                break
            except KafkaException as error:
                if attempt == _COMMITTED_TRIES - 1 or self._stop.is_set():
                    raise BrokerError(f"committed offsets of {self._topic}: {error.args[0].str()}") from error
                get_logger().warning("kafka_retry", reason=error.args[0].str())
        for place in found:
            if place.offset < 0:
                raise CommitRefused(
                    f"{self._topic}[{place.partition}]: the group has no committed offset; run `signaltape init`, or "
                    f"where it ran before: {REPAIR}"
                )
        return {place.partition: Place(place.offset, place.metadata) for place in found}
