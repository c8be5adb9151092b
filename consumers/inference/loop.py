"""The loop of the inference consumer: rounds, each one Kafka transaction.

A round, with the numbers of its crash points:

1. take what is there on the partitions of ``features`` (bounded; no waiting for more), and fence it by the chain;
2. score it, let the router decide; memory moves on, nothing is visible yet;
3. produce signals and predictions into a transaction: those of one source message are on their way while the next
   one is scored (2 and 3 take turns);
4. add the offsets after the last closed source message of each partition, with fence, numbering and control state;
5. commit: only now anything counts. Then sums that can wait, and router snapshots that are due, in a transaction of
   their own with the same offsets, so that gateways don't wait for them.

While nothing comes:

6. a partition of ``features`` that is seen to end beyond its offset holds nothing more to be taken (a dead letter, the
   end of a foreign transaction): its offset follows, by a transaction of 4 and 5 alone. Else it would expire with what
   is no message, and a start would have to take that for a loss;
7. a router snapshot is written anew before ``predictions`` can expire below it, in a transaction as after 5.

Neither adds to ``features``, so none leads to another.

A round that fails before 5 leaves nothing: the transaction is aborted, all memory dropped, and the partitions are
restored from their last commit. On assignment a partition is restored before its first message is taken.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.inference.commit_metadata import metadata_of
from consumers.inference.errors import REPAIR, CommitRefused, RoundAborted, judge
from consumers.inference.intake import Closed, Intake, Taken
from consumers.inference.models import LoadedModels
from consumers.inference.outbox import Outbox
from consumers.inference.preparing import prepare_models
from consumers.inference.report import RoundReport
from consumers.inference.restore import Owned, Place, Restorer
from consumers.inference.snapshots import SnapshotWriter
from consumers.inference.transaction import Transactions
from infra.broker.config import consumer_config
from infra.broker.errors import BrokerError
from infra.broker.reading import Record, record_of
from infra.crash_points import reach
from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from pipeline.routing.model_port import ModelUnavailable
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
        self._snapshots = SnapshotWriter(settings.inference, self._transactions, self._outbox, self._add_offsets)
        group = f"{settings.topics.prefix}signaltape-inference"
        member = {"group.instance.id": slot, "enable.partition.eof": True}
        self._consumer = Consumer(consumer_config(settings, group, **member))
        self._owned: dict[int, Owned] = {}
        #: Partition → where it was seen to end; every record before was returned since the last restore.
        self._ends: dict[int, int] = {}

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
        if not records:
            self._guarded(self._rest)
        while records and self._guarded(lambda: self._round(records)):
            pass

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Do what may write; return whether it went through. Else memory stands at the last commit again."""
        try:
            work()
        except ModelUnavailable as error:
            self._transactions.cancel()
            self._hold(str(error))
            return False
        except RoundAborted:
            self._rewind()
            return False
        except OperatorError:
            self._transactions.abandon()
            raise
        return True

    def _round(self, records: deque[Record]) -> None:
        start = time.perf_counter()
        reach("inference.1_taken")
        taken = self._intake.take(records, self._owned, self._send)
        reach("inference.2_scored")
        if not taken.moved:
            return
        self._complete(taken)
        self._report.committed(taken, self._owned, self._consumer, time.perf_counter() - start)
        self._keep_snapshots(taken)

    def _rest(self) -> None:
        """Steps 6 and 7."""
        taken = Taken()
        for partition, end in self._ends.items():
            owned = self._owned.get(partition)
            if owned is not None and not owned.inference.half_taken and owned.inference.state.features_offset < end:
                owned.inference.state.features_offset = end
                taken.batches[partition] = 0
        if taken.moved:
            self._complete(taken)
            for partition in taken.moved:
                self._report.progress(partition, self._owned[partition], self._consumer)
        now_s = time.time()
        self._snapshots.write(one for one in self._owned.values() if self._snapshots.is_old(one, now_s))

    def _send(self, closed: Closed) -> None:
        """Steps 2 and 3 take turns: called after each closed source message."""
        self._transactions.begin()
        self._transactions.send(self._outbox.records(closed.partition, closed.position, closed.output, closed.trace))

    def _complete(self, taken: Taken) -> None:
        transactions = self._transactions
        transactions.begin()
        reach("inference.3_produced")
        self._add_offsets(taken.moved)
        reach("inference.4_offsets")
        transactions.commit()
        reach("inference.5_committed")

    def _add_offsets(self, partitions: Iterable[int]) -> None:
        self._transactions.offsets(self._consumer, [self._place(partition) for partition in sorted(partitions)])

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
            if self._snapshots.is_due(owned):
                due.append(owned)
        self._snapshots.write(due)

    def _poll(self) -> list[Record]:
        """Return the next message and what is already there behind it."""
        first = self._consumer.poll(_IDLE_S)
        if first is None:
            return []
        rest = self._consumer.consume(self._options.round_messages - 1, 0.0)
        records = []
        for message in (first, *rest):
            if message.error() is not None:
                self._note(message)
            elif message.partition() in self._owned:
                records.append(record_of(message))
        return records

    def _note(self, message: Any) -> None:
        """Note the end of a partition, or raise what an error event means."""
        if message.error().code() == KafkaError._PARTITION_EOF:
            self._ends[message.partition()] = message.offset()
        else:
            judge(message.error(), self._topic)

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
        self._owned, self._ends = {}, {}
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
            if message is not None and message.error() is not None:
                self._note(message)
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
