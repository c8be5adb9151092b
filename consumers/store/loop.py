"""The loop of the store: rounds, each one transaction in Postgres.

On assignment: take a new epoch for each partition, check its topic against the checkpoint, and seek to
`effect_offset`. Where the warehouse says a partition stands is the only truth.

A round, with the numbers of its crash points:

1. read what is there;
2. decode it; what can't be taken goes to the dead letters, acknowledged, before anything else moves;
3. one transaction: the rows, and `effect_offset` of each partition under its epoch. Postgres away: the partitions
   are paused, the group's membership is kept, the same round is tried again until it is in;
4. the newest signals in Redis, never older than what is there. Redis away: the flow goes on, and they are written
   from the warehouse once it is back; the same after each assignment;
5. now and then the group's offsets in Kafka follow. They are never read; they show the lag.

6. as often, before 5, and at a clean stop: a partition that stands at an end beyond its `effect_offset` holds only ends
   of transactions there, and what was aborted. `effect_offset` moves up to it, in a transaction as 3 without rows. Else
   it would expire with them in a quiet time, and a start would have to take that for a loss.

A process that dies before 3 leaves nothing; after it, its successor reads on behind, and shows what 4 left out. One
that was replaced without knowing it finds its epoch stale in 3, and ends.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.store.ends import Ends
from consumers.store.newest import NewestSignals
from consumers.store.sorting import Owned, Sorter
from consumers.store.taking import assignment, take_partitions
from infra.broker.config import MEMBER_FENCED, consumer_config
from infra.broker.dead_letters import DeadLetters
from infra.broker.errors import BrokerError
from infra.broker.permissions import refuse_unpermitted
from infra.broker.publisher import Publisher
from infra.broker.reading import Record, record_of
from infra.crash_points import reach
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import DUPLICATES, ROUND_SECONDS, ROWS_STORED, STAGE_LATENCY
from infra.warehouse.errors import TopicMismatch, WarehouseUnavailable
from infra.warehouse.round_writer import Place, RoundReport
from infra.warehouse.store_rounds import SERVICE, StoreRound, StoreRoundWriter
from schemas.topics import TopicNames

Result = TypeVar("Result")

_IDLE_S = 0.1
_PAUSES_S = (0.1, 5.0)
#: A clean stop waits so long for the ends of partitions behind the last records.
_LAST_LOOK_S = 0.3


class _Interrupted(Exception):
    """The partitions were taken away, or the service was asked to stop, while it waited: the round is dropped."""


class StoreLoop:
    """One instance; `run` returns once `stop` is set. Raises OperatorError where going on could lose something."""

    def __init__(self, settings: Settings, instance: int, health: Health, stop: threading.Event) -> None:
        names = TopicNames(settings.topics.prefix)
        self._settings, self._health, self._stop = settings, health, stop
        self._topics = [names.predictions, names.signals, names.control]
        self._group = f"{settings.topics.prefix}signaltape-{SERVICE}"
        self._sorter = Sorter(names, DeadLetters(Publisher(settings, SERVICE), names, SERVICE))
        self._writer = StoreRoundWriter(settings)
        self._signals = names.signals
        self._newest = NewestSignals(settings)
        # A fixed member id: a process that was killed finds its partitions again at once.
        member = {"group.instance.id": f"{self._group}-{instance}", "enable.partition.eof": True}
        self._consumer = Consumer(consumer_config(settings, self._group, **member))
        self._owned: dict[Place, Owned] = {}
        self._wanted: list[Place] | None = None
        self._backlog: list[Record] = []
        self._ends = Ends()
        self._committed_at = time.monotonic()

    def run(self) -> None:
        """Run rounds until told to stop."""
        try:
            self._consumer.subscribe(self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke)
            while not self._stop.is_set():
                try:
                    self.round()
                except _Interrupted:
                    self._forget_read()
            self._finish()
        finally:
            self._consumer.close()
            self._writer.close()
            self._newest.close()

    def round(self) -> None:
        """One round; see the module's text."""
        if self._wanted is not None:
            self._take(self._wanted)
        records = self._read()
        if not records:
            self._commit_sometimes()
            return
        start = time.perf_counter()
        reach("store.1_read")
        rounds = self._sorter.sort(records, self._owned)
        reach("store.2_decoded")
        if rounds:
            self._record(rounds, self._persist(lambda: self._writer.write(rounds)))
            reach("store.3_stored")
            written_ms = min(record.timestamp_ms for record in records)
            STAGE_LATENCY.labels(stage="store").observe(max(time.time() - written_ms / 1_000, 0.0))
            self._newest.show(rounds)
        reach("store.4_shown")
        self._commit_sometimes()
        reach("store.5_committed")
        ROUND_SECONDS.labels(service=SERVICE).observe(time.perf_counter() - start)

    def _finish(self) -> None:
        """A clean stop: what was read is stored; nothing that a successor needs may seem to be left."""
        until = time.monotonic() + _LAST_LOOK_S
        with contextlib.suppress(_Interrupted):
            while self._ends.missing(self._owned) and time.monotonic() < until:
                self.round()
            self._follow(self._ends.beyond(self._owned))
        self._commit(wait=True)

    def _follow(self, ends: Mapping[Place, int]) -> None:
        """Step 6, unless records that were read still wait."""
        rounds = [self._owned[place].round(place, end) for place, end in sorted(ends.items())]
        if rounds and not self._backlog:
            self._record(rounds, self._persist(lambda: self._writer.write(rounds)))

    def _forget_read(self) -> None:
        """Drop what was read and not stored: it is read again, by whoever has the partitions then."""
        self._backlog.clear()
        self._ends = Ends()

    def _take(self, wanted: list[Place]) -> None:
        """Take the partitions of a new assignment, then let them flow."""
        self._owned = self._persist(lambda: take_partitions(self._settings, self._group, wanted))
        self._wanted = None
        self._forget_read()
        self._newest.take(partition for topic, partition in self._owned if topic == self._signals)
        self._consumer.assign(assignment(self._owned))
        self._health.ready("assigned", True, f"{len(self._owned)} partitions")
        get_logger().info("assigned", partitions=[f"{topic}[{partition}]" for topic, partition in sorted(self._owned)])

    def _record(self, rounds: list[StoreRound], report: RoundReport) -> None:
        for one in rounds:
            self._owned[one.topic, one.partition].next_offset = one.next_offset
            self._report_progress(one.topic, one.partition, one.next_offset)
        for table, count in report.inserted.items():
            ROWS_STORED.labels(table=table).inc(count)
        for table, count in report.suppressed.items():
            DUPLICATES.labels(topic=table).inc(count)

    def _read(self) -> list[Record]:
        """Return what waited, or the next message and what is already there behind it."""
        records, self._backlog = self._backlog, []
        limit = self._settings.store.round_messages
        first = self._consumer.poll(0.0 if records else _IDLE_S)
        messages = [] if first is None else [first, *self._consumer.consume(max(1, limit - 1), 0.0)]
        return records + self._taken(messages)

    def _taken(self, messages: Sequence[Any]) -> list[Record]:
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(record_of(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                topic, partition = message.topic(), message.partition()
                self._ends.saw((topic, partition), message.offset())
                self._health.progress(topic, partition, message.offset(), 0)
            else:
                self._judge(error)
        return records

    def _judge(self, error: KafkaError) -> None:
        """Raise what an error event of the consumer means; return if it passes by itself."""
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise TopicMismatch(
                f"an offset that the store needs is not in its topic any more ({error.str()}): the topic was recreated "
                "or has expired. Stop the service, then `signaltape repair --service store`"
            )
        if error.code() in MEMBER_FENCED:
            raise BrokerError(
                f"another store runs under this instance number: this one ends (--instance); {error.str()}"
            )
        refuse_unpermitted(error, "store")
        if error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise BrokerError(f"{error.str()}; run `signaltape init`, or check the prefix setting")
        get_logger().warning("kafka_error", reason=error.str())

    def _persist(self, operation: Callable[[], Result]) -> Result:
        """Repeat `operation` while Postgres is away; the group's membership is kept meanwhile."""
        pause, longest = _PAUSES_S
        owned = self._owned
        while True:
            try:
                result = operation()
            except WarehouseUnavailable as error:
                self._health.ready("postgres", False, str(error))
                get_logger().warning("waiting", what="postgres", reason=str(error))
                self._hold(pause)
                pause = min(2 * pause, longest)
                if self._stop.is_set() or self._owned is not owned:
                    raise _Interrupted from error
                continue
            self._health.ready("postgres", True)
            return result

    def _hold(self, pause_s: float) -> None:
        """Keep polling for a while without taking anything new."""
        paused = self._consumer.assignment()
        self._consumer.pause(paused)
        end = time.monotonic() + pause_s
        while (left := end - time.monotonic()) > 0 and not self._stop.is_set():
            message = self._consumer.poll(min(left, _IDLE_S))
            if message is not None:
                self._backlog += self._taken([message])
        self._consumer.resume(self._consumer.assignment())

    def _commit_sometimes(self) -> None:
        self._newest.catch_up()
        if time.monotonic() - self._committed_at >= self._settings.store.commit_every_s:
            self._follow(self._ends.standing(self._owned))
            self._commit()

    def _commit(self, *, wait: bool = False) -> None:
        """Step 5: a failure only leaves the shown lag too large."""
        self._committed_at = time.monotonic()
        if not self._owned:
            return
        try:
            if wait:
                self._consumer.commit(offsets=assignment(self._owned), asynchronous=False)
            else:
                self._consumer.commit(offsets=assignment(self._owned), asynchronous=True)
        except KafkaException as error:
            get_logger().warning("kafka_error", reason=error.args[0].str())

    def _report_progress(self, topic: str, partition: int, position: int) -> None:
        _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        self._health.progress(topic, partition, position, max(0, high - position))

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Note the assignment; nothing is fetched before the partitions are taken."""
        consumer.assign([])
        self._wanted = [(place.topic, place.partition) for place in partitions]
        self._owned = {}

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Between rounds nothing is open: what was read and not stored is read again by the next owner."""
        for place in partitions:
            self._health.forget(place.topic, place.partition)
        self._owned, self._wanted = {}, None
        self._newest.take(())
        self._forget_read()
        consumer.unassign()
