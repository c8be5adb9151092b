"""One sink's own thread: what is slow or dead holds up nobody else."""

import threading
from collections.abc import Callable
from typing import TypeVar

from consumers.responder.sinks import DeliveryFailed, Sink
from consumers.shell.retry import Patience
from infra.broker.dead_letters import DeadLetters
from infra.broker.publisher import Publisher
from infra.broker.reading import Record
from infra.crash_points import reach
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import DELIVERIES, DELIVERIES_WAITING
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.deliveries import Delivery, Place, mark_failed, mark_settled, next_delivery, waiting
from infra.warehouse.errors import WarehouseUnavailable
from schemas.headers import JSON
from schemas.topics import TopicNames

Result = TypeVar("Result")


class SinkThread(threading.Thread):
    """Hands waiting alerts to one sink, at least once each, those due for longest first:

    1. take the next one that is due;
    2. send it;
    3. taken: mark it as delivered. A death between 2 and 3 sends it again, under the same ``Idempotency-Key``;
    4. not taken: put it off by the retry rule; after the last attempt it becomes a dead letter on the topic's
       dead-letter topic, acknowledged, and only then is marked as dead.

    ``error``: what ended the thread, if it was not asked to end; the service ends with it.
    """

    def __init__(self, settings: Settings, sink: Sink, stop: threading.Event) -> None:
        super().__init__(name=f"sink-{sink.name}", daemon=True)
        self._settings, self._sink, self._stopping = settings, sink, stop
        self._place = Place(prefix=settings.topics.prefix, sink=sink.name)
        self._rule = settings.responder.retry_rule()
        self._warehouse = Warehouse(settings, f"signaltape-responder-{sink.name}")
        self._patience = Patience(stop)
        self._awake = threading.Event()
        self.error: BaseException | None = None

    def wake(self) -> None:
        """There is work."""
        self._awake.set()

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self._stopping.is_set():
                self._turn()
        except BaseException as error:
            if not self._stopping.is_set():
                self.error = error
        finally:
            self._warehouse.close()

    def _turn(self) -> None:
        self._awake.clear()
        count, due_s = self._ask(lambda connection: waiting(connection, self._place))
        DELIVERIES_WAITING.labels(sink=self._sink.name).set(count)
        one = self._ask(lambda connection: next_delivery(connection, self._place)) if count else None  # 1.
        if one is not None:
            self._deliver(one)
            return
        longest = self._settings.responder.poll_s
        self._awake.wait(longest if due_s is None else min(longest, max(due_s, 0.01)))

    def _deliver(self, one: Delivery) -> None:
        try:
            self._sink.send(one.alert_id, one.body)  # 2.
        except DeliveryFailed as error:
            self._put_off(one, str(error)[:500])
            return
        reach("responder.7_sent")
        self._ask(lambda connection: mark_settled(connection, self._place, one, "delivered"))  # 3.
        reach("responder.8_delivered")
        self._count("delivered")

    def _put_off(self, one: Delivery, why: str) -> None:
        """Step 4."""
        attempt = one.attempts + 1
        pause_s = self._rule.pause_after(attempt)
        log = get_logger()
        if pause_s is not None:
            self._ask(lambda connection: mark_failed(connection, self._place, one, why, pause_s))
            self._count("failed")
            log.warning("not delivered", sink=self._sink.name, alert_id=one.alert_id, attempt=attempt,
                        again_in_s=pause_s, reason=why)  # fmt: skip
            return
        self._bury(one, f"{self._sink.name}: {attempt} attempts, the last one: {why}")
        reach("responder.9_buried")
        self._ask(lambda connection: mark_settled(connection, self._place, one, "dead", why))
        self._count("dead")
        log.error("given up", sink=self._sink.name, alert_id=one.alert_id, attempts=attempt, reason=why)

    def _bury(self, one: Delivery, detail: str) -> None:
        names = TopicNames(self._settings.topics.prefix)
        headers = (("ce_id", one.alert_id.encode()), ("content-type", JSON.encode()))
        record = Record(names.alerts, 0, one.topic_offset, -1, None, one.body, headers)
        letters = DeadLetters(Publisher(self._settings, f"responder-{self._sink.name}"), names, "responder")
        letters.put(record, "undeliverable", detail)
        letters.flush()

    def _count(self, outcome: str) -> None:
        DELIVERIES.labels(sink=self._sink.name, outcome=outcome).inc()

    def _ask(self, work: Callable[[Connection], Result]) -> Result:
        """Run a transaction, again and again while Postgres is away."""
        return self._patience.persist("postgres", (WarehouseUnavailable,), lambda: self._warehouse.run(work))
