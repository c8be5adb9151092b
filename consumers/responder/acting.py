"""The outbox of steps: control events that were decided, written into ``control`` once each."""

import threading
import time
from dataclasses import replace

from consumers.inference.heads import committed_heads, log_heads, standings
from consumers.responder.deciding import events_so_far
from infra.broker.errors import BrokerError, ReadingLate
from infra.broker.single import publish_one
from infra.crash_points import reach
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.connection import Warehouse
from infra.warehouse.guard import WaitingStep, settle_step, state_of, waiting_steps
from pipeline.guard.recheck import outdated
from pipeline.guard.state import InForce, in_force
from schemas.codec import encode
from schemas.control import ControlEvent
from schemas.headers import event_headers
from schemas.topics import TopicNames

#: How long bars that are on their way are looked at.
_LOOK_S = 5.0
#: How long another decision about models is waited for.
_LOCK_S = 20.0


class DecisionUnderWay(BrokerError):
    """Somebody else is deciding about models: the step waits."""


class Actor:
    """Publishes waiting steps, oldest first, under the lock of decisions about models:

    1. ``control`` is read to its end: an event that lies there already, from before a crash, is only marked;
    2. one that makes no sense any more, because a person has decided meanwhile, becomes void;
    3. any other gets its bar time and is written, acknowledged;
    4. and marked as published, with its offset.

    The event's id follows from the alert, so 1 finds what a dead predecessor wrote between 3 and 4.
    """

    def __init__(self, settings: Settings, mode: str, warehouse: Warehouse) -> None:
        self._settings, self._mode, self._warehouse = settings, mode, warehouse
        self._prefix = settings.topics.prefix
        self._topic = TopicNames(self._prefix).control

    def publish_waiting(self) -> int:
        """Publish or void what waits; return how many. Raises BrokerError, WarehouseUnavailable: call again."""
        waiting = self._warehouse.run(lambda connection: waiting_steps(connection, self._prefix))
        if not waiting:
            return 0
        lock, given_up = ActiveLock(self._settings, "models"), threading.Event()
        timer = threading.Timer(_LOCK_S, given_up.set)
        timer.start()
        try:
            if not lock.acquire(given_up):
                raise DecisionUnderWay(f"another decision about models has been under way for {_LOCK_S:g} s")
            for step in waiting:
                self._publish(step)
        finally:
            timer.cancel()
            lock.release()
        return len(waiting)

    def _publish(self, step: WaitingStep) -> None:
        events, registered = events_so_far(self._settings, self._warehouse)  # 1.
        there = next((one.control_offset for one in events if one.event_id == step.event.event_id), None)
        why = "" if there is not None else self._void(step, in_force(events, registered))  # 2.
        if there is None and not why:
            there = self._write(self._timed(step.event))  # 3.
            reach("responder.5_published")
        prefix = self._prefix
        self._warehouse.run(lambda connection: settle_step(connection, prefix, step.alert_id, there, why))  # 4.
        reach("responder.6_marked")
        get_logger().warning("step void" if why else "step published", strategy=step.event.strategy,
                             action=step.event.action, control_offset=there, cause=step.event.cause,
                             detail=why or step.event.reason)  # fmt: skip

    def _void(self, step: WaitingStep, now: InForce) -> str:
        if self._mode != "act":
            return f"guard.mode has become {self._mode} meanwhile"
        state = self._warehouse.run(lambda one: state_of(one, self._prefix, step.event.strategy, self._mode))
        return outdated(
            step.event, step.replaced, now, state.veto, time.time_ns(), max_age_s=self._settings.guard.max_age_s
        )

    def _timed(self, event: ControlEvent) -> ControlEvent:
        """Return the event with the bar time from which it acts: just beyond the newest bar of the whole log.

        So it acts at one bar on every partition. Bars on their way that can't be read soon don't hold it up: a
        partition that is ahead obeys it from its next bar.
        """
        standing = standings(self._settings)
        try:
            heads = log_heads(self._settings, standing, until=time.monotonic() + _LOOK_S)
        except ReadingLate:
            heads = committed_heads(standing)
        known = [head for head in heads.values() if head is not None]
        return replace(event, effective_from=max(known) + 1) if known else event

    def _write(self, event: ControlEvent) -> int:
        headers = event_headers(event.TYPE, event.event_id, "guard", event.issued_at)
        return publish_one(self._settings, self._topic, encode(event), key=event.strategy.encode(), headers=headers)
