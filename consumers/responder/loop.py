"""The responder's loop: one alert at a time, each in one transaction.

Where the warehouse says the topic stands is the only truth. Per alert, with the numbers of the crash points:

1. read it;
2. decode and check it; what can't be taken goes to the dead letters, acknowledged, before anything else moves;
3. decide what the guard does about it: from what is in force, what was done before, and the policy;
4. one transaction under the epoch: the offset, a delivery for each sink, and the guard's step or its reason for none;
5. a step of mode `act` is written into `control`, acknowledged,
6. and marked as published; see `acting`. Its event's id follows from the alert: a death between both writes no second;
7. – 9. each sink delivers in a thread of its own; see `delivering`. Nothing here waits for one.

10. Where the topic is seen to end beyond the offset, only ends of transactions and what was aborted lie between: the
offset follows, in a transaction of its own under the epoch. Else it would expire with them in a quiet time, and a start
would have to take that for a loss.

A process that dies before 4 leaves nothing; after it, its successor publishes and delivers what waits. One that was
replaced without knowing it finds its epoch stale in 4 or 10, and ends.
"""

import threading
import time
from dataclasses import replace
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.responder.acting import Actor
from consumers.responder.deciding import Decider
from consumers.responder.delivering import SinkThread
from consumers.responder.intake import alert_of
from consumers.responder.taking import Taken, take_alerts
from consumers.shell.retry import Patience
from infra.broker.config import consumer_config
from infra.broker.dead_letters import DeadLetters
from infra.broker.errors import BrokerError
from infra.broker.permissions import refuse_unpermitted
from infra.broker.publisher import Publisher
from infra.broker.reading import Record, record_of
from infra.crash_points import reach
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import DUPLICATES, GUARD_DECISIONS
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.checkpoints import advance
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.deliveries import Delivery, add_deliveries
from infra.warehouse.errors import TopicMismatch, WarehouseUnavailable
from infra.warehouse.guard import Decided, add_step
from pipeline.guard.decision import Refusal, Step
from pipeline.guard.event import control_event
from schemas.alerts import Alert
from schemas.codec import encode_json
from schemas.errors import DecodeError
from schemas.topics import TopicNames

SERVICE = "responder"
_IDLE_S = 0.2
_COMMIT_EVERY_S = 1.0
#: A clean stop waits so long for the end of the topic behind the last record.
_LAST_LOOK_S = 0.3
_AWAY = (BrokerError, KafkaException, WarehouseUnavailable)


class ResponderLoop:
    """The active instance; ``run`` returns once ``stop`` is set. Raises OperatorError where it can't go on."""

    def __init__(
        self, settings: Settings, health: Health, stop: threading.Event, lock: ActiveLock, sinks: list[SinkThread]
    ) -> None:
        names = TopicNames(settings.topics.prefix)
        self._settings, self._health, self._stop = settings, health, stop
        self._lock, self._sinks = lock, sinks
        self._topic = names.alerts
        self._prefix, self._policy = settings.topics.prefix, settings.guard.policy()
        self._patience = Patience(stop)
        self._warehouse = Warehouse(settings, "signaltape-responder")
        self._decider = Decider(settings, self._policy, self._warehouse)
        self._actor = Actor(settings, self._policy.mode, self._warehouse)
        self._letters = DeadLetters(Publisher(settings, SERVICE), names, SERVICE)
        group = f"{settings.topics.prefix}signaltape-{SERVICE}"
        self._consumer = Consumer(consumer_config(settings, group, **{"enable.partition.eof": True}))
        self._group = group
        #: Where the topic was last seen to end: every record before was returned by then.
        self._end = 0
        self._committed_at = self._checked_at = time.monotonic()

    def run(self) -> None:
        """Take the topic, finish what a predecessor left, then go on until told to stop."""
        try:
            taken = self._patience.persist("postgres", _AWAY, lambda: take_alerts(self._settings, self._group))
            self._consumer.assign([TopicPartition(self._topic, 0, taken.next_offset)])
            self._act()
            self._health.ready("assigned", True, f"{self._topic}[0] from {taken.next_offset}")
            while not self._stop.is_set():
                for sink in self._sinks:
                    if sink.error is not None:
                        raise sink.error
                self._look_after_lock()
                taken = self._turn(taken)
                self._commit_sometimes(taken)
            until = time.monotonic() + _LAST_LOOK_S
            while self._end < taken.next_offset and time.monotonic() < until:
                taken = self._turn(taken)
        finally:
            self._consumer.close()
            self._warehouse.close()

    def _turn(self, taken: Taken) -> Taken:
        """Take the next record if there is one, or follow the topic to its end."""
        record = self._read()
        if record is not None:
            return self._take(record, taken) if record.offset >= taken.next_offset else taken
        return self._follow(taken) if self._end > taken.next_offset else taken

    def _follow(self, taken: Taken) -> Taken:
        """Step 10."""
        end = self._end

        def work(connection: Connection) -> bool:
            return advance(connection, SERVICE, self._topic, (0, taken.epoch), end)

        self._patience.persist("postgres", (WarehouseUnavailable,), lambda: self._warehouse.run(work))
        return replace(taken, next_offset=end)

    def _take(self, record: Record, taken: Taken) -> Taken:
        """Steps 1 to 6 for one record."""
        reach("responder.1_read")
        try:
            alert = alert_of(record)
        except DecodeError as error:
            self._letters.put(record, error.code, error.detail)
            self._letters.flush()
            reach("responder.2_refused")
            self._store(record, taken, None, None)
            return taken.after(record.offset)
        published = record.timestamp_ms * 1_000_000
        answer = self._patience.persist("facts", _AWAY, lambda: self._decider.decide(alert, published))
        reach("responder.3_decided")
        self._store(record, taken, alert, answer)
        reach("responder.4_stored")
        for sink in self._sinks:
            sink.wake()
        self._act()
        # Towards the end only: what lies behind the last alert may be a transaction's marker, which is no message.
        _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, 0), cached=True)
        self._health.progress(self._topic, 0, record.offset + 1, max(0, high - record.offset - 1))
        return taken.after(record.offset)

    def _store(self, record: Record, taken: Taken, alert: Alert | None, answer: Step | Refusal | None) -> None:
        """Step 4. A repeated alert, or a commit that went through unheard, adds nothing."""
        at = time.time_ns() // 1_000 * 1_000

        def work(connection: Connection) -> bool:
            if not advance(connection, SERVICE, self._topic, (0, taken.epoch), record.offset + 1):
                return True
            if alert is None or answer is None:
                return True
            sinks = self._settings.responder.sinks
            delivery = Delivery(alert_id=alert.alert_id, topic_offset=record.offset, body=encode_json(alert))
            new = add_deliveries(connection, self._prefix, delivery, sinks)
            if isinstance(answer, Refusal) and not answer.recorded:
                return new == len(sinks)
            event = control_event(answer, alert, at) if isinstance(answer, Step) else None
            decided = Decided(alert=alert, mode=self._policy.mode, answer=answer, event=event)
            return add_step(connection, self._prefix, decided)

        is_new = self._patience.persist("postgres", (WarehouseUnavailable,), lambda: self._warehouse.run(work))
        if alert is None or answer is None:
            return
        if not is_new:
            DUPLICATES.labels(topic="alerts").inc()
            return
        outcome = answer.effect.rung if isinstance(answer, Step) else answer.code
        GUARD_DECISIONS.labels(mode=self._policy.mode, outcome=outcome).inc()
        detail = answer.effect.words if isinstance(answer, Step) else answer.reason
        get_logger().info("alert taken", alert_id=alert.alert_id, rule=alert.rule, severity=alert.severity,
                          strategy=alert.strategy, mode=self._policy.mode, outcome=outcome, detail=detail)  # fmt: skip

    def _act(self) -> None:
        """Steps 5 and 6."""
        self._patience.persist("steps", _AWAY, self._actor.publish_waiting)

    def _read(self) -> Record | None:
        """Return the next record, None if there is none right now."""
        message: Any = self._consumer.poll(_IDLE_S)
        if message is None:
            return None
        error = message.error()
        if error is None:
            return record_of(message)
        if error.code() == KafkaError._PARTITION_EOF:
            self._end = message.offset()
            self._health.progress(self._topic, 0, self._end, 0)
            return None
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise TopicMismatch(
                f"an offset that the responder needs is not in {self._topic} any more ({error.str()}): the topic was "
                "recreated or has expired. Stop the service, then `signaltape repair --service responder`"
            )
        refuse_unpermitted(error, self._topic)
        if error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise BrokerError(f"{error.str()}; run `signaltape init`, or check the prefix setting")
        get_logger().warning("kafka_error", reason=error.str())
        return None

    def _look_after_lock(self) -> None:
        """Raise LockLostError if another instance may be active by now."""
        if time.monotonic() - self._checked_at >= self._settings.responder.lock_check_s:
            self._lock.check()
            self._checked_at = time.monotonic()

    def _commit_sometimes(self, taken: Taken) -> None:
        """The group's offset in Kafka only shows the lag; a failure leaves it too large."""
        if time.monotonic() - self._committed_at < _COMMIT_EVERY_S:
            return
        self._committed_at = time.monotonic()
        try:
            self._consumer.commit(offsets=[TopicPartition(self._topic, 0, taken.next_offset)], asynchronous=True)
        except KafkaException as error:
            get_logger().warning("kafka_error", reason=error.args[0].str())
