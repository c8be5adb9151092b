"""Issuing control events: they go to ``control``; the ingest relays them into every partition of the log."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from infra.broker.admin import check_partitions
from infra.broker.publisher import Publisher
from infra.settings import Settings, load_settings
from infra.who import current_user
from schemas.codec import encode
from schemas.control import CONTROL_ACTIONS, ControlEvent, control_fault
from schemas.headers import event_headers
from schemas.topics import TopicNames
from signaltape.client.errors import ClientUsageError


def new_event(
    action: str,
    *,
    strategy: str = "",
    model: str = "",
    model_version: int = 0,
    symbols: tuple[str, ...] = (),
    parameters: Mapping[str, Any] | None = None,
    effective_from: int = 0,
    reason: str = "",
    cause: str = "",
) -> ControlEvent:
    """Return an event of this user's, made now and not written anywhere.

    Raises ``ClientUsageError`` for an unknown action, and for a name or text that can't be kept.
    """
    if action not in CONTROL_ACTIONS:
        raise ClientUsageError(f"control action {action!r} is not known; use one of {', '.join(CONTROL_ACTIONS)}")
    event = ControlEvent(
        event_id=uuid.uuid4().hex,
        action=action,
        effective_from=effective_from,
        issued_at=time.time_ns() // 1_000 * 1_000,
        issued_by=current_user(),
        reason=reason,
        cause=cause,
        strategy=strategy,
        model=model,
        model_version=model_version,
        symbols=symbols,
        parameters=dict(parameters or {}),
    )
    if fault := control_fault(event):
        raise ClientUsageError(f"this control event can't be issued: {fault}")
    return event


class Control:
    """Writes control events, acknowledged by the broker before a call returns.

    Raises ``TopicError`` where the topics are missing.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or load_settings()
        check_partitions(self._settings)
        self._publisher = Publisher(self._settings, "control")
        self._topic = TopicNames(self._settings.topics.prefix).control

    def issue(
        self,
        action: str,
        *,
        strategy: str = "",
        model: str = "",
        model_version: int = 0,
        symbols: tuple[str, ...] = (),
        parameters: Mapping[str, Any] | None = None,
        effective_from: int = 0,
        reason: str = "",
    ) -> ControlEvent:
        """Write one event and return it.

        ``effective_from`` (ns UTC event time) 0 means: from the next bar of each partition on. Raises
        ``ClientUsageError`` for an unknown action, and for a name or text that can't be kept.
        """
        event = new_event(
            action,
            strategy=strategy,
            model=model,
            model_version=model_version,
            symbols=symbols,
            parameters=parameters,
            effective_from=effective_from,
            reason=reason,
        )
        headers = event_headers(event.TYPE, event.event_id, "control", event.issued_at)
        self._publisher.send(self._topic, 0, encode(event), key=event.strategy.encode(), headers=headers)
        self._publisher.flush_acknowledged(30.0)
        return event
