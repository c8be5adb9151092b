"""Rows of the delivery of alerts: one for each alert and sink."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """An alert that is to be handed to a sink now. ``attempts`` so far; ``body``: the alert as JSON."""

    alert_id: str
    topic_offset: int
    body: bytes
    attempts: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Whose deliveries: a topic prefix and a sink."""

    prefix: str
    sink: str

    def of(self, alert_id: str) -> dict[str, Any]:
        """Key of a row."""
        return {"prefix": self.prefix, "sink": self.sink, "alert_id": alert_id}


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedAlert:
    """An alert of the store; ``deliveries``: sink → state, attempts, last_error."""

    alert_id: str
    event_time: datetime
    severity: str
    rule: str
    strategy: str
    subject: str
    message: str
    published_at: datetime | None
    deliveries: Mapping[str, Mapping[str, Any]]


def add_deliveries(connection: Connection, prefix: str, new: Delivery, sinks: Sequence[str]) -> int:
    """Let an alert wait for its sinks; how many rows that made: one that is there stays as it is."""
    values = {"prefix": prefix, "alert_id": new.alert_id, "sinks": list(sinks), "topic_offset": new.topic_offset}
    return connection.execute(queries("deliveries")["add"], values | {"body": new.body.decode()}).rowcount


def next_delivery(connection: Connection, place: Place) -> Delivery | None:
    """The one that has been due for longest, None if none is."""
    row = connection.execute(queries("deliveries")["next"], {"prefix": place.prefix, "sink": place.sink}).fetchone()
    if row is None:
        return None
    return Delivery(alert_id=row[0], attempts=row[1], topic_offset=row[2], body=row[3].encode())


def waiting(connection: Connection, place: Place) -> tuple[int, float | None]:
    """How many wait, and in how many seconds the next one is due (None: none waits)."""
    row = connection.execute(queries("deliveries")["waiting"], {"prefix": place.prefix, "sink": place.sink}).fetchone()
    return (0, None) if row is None else (int(row[0]), row[1])


def mark_failed(connection: Connection, place: Place, one: Delivery, error: str, pause_s: float) -> None:
    """Record a failed attempt, which is repeated after ``pause_s``."""
    values = place.of(one.alert_id) | {"attempts": one.attempts + 1, "error": error, "pause_s": pause_s}
    connection.execute(queries("deliveries")["failed"], values)


def mark_settled(connection: Connection, place: Place, one: Delivery, state: str, error: str = "") -> None:
    """Record the last attempt: ``state`` is delivered or dead."""
    values = place.of(one.alert_id) | {"attempts": one.attempts + 1, "error": error, "state": state}
    connection.execute(queries("deliveries")["settled"], values)


def list_alerts(
    connection: Connection, prefix: str, *, severities: Sequence[str], strategy: str = "", state: str = "",
    rule: str = "", ids: Sequence[str] | None = None, limit: int = 50,
) -> list[ListedAlert]:  # fmt: skip
    """Alerts of the store, newest first; ``state``: only those that have a delivery in it; ``ids``: of these only."""
    values = {"prefix": prefix, "strategy": strategy, "severities": list(severities), "state": state, "rule": rule,
              "ids": None if ids is None else list(ids), "limit": limit}  # fmt: skip
    names = list(ListedAlert.__dataclass_fields__)
    rows = connection.execute(queries("deliveries")["alerts"], values)
    return [ListedAlert(**dict(zip(names, row, strict=True))) for row in rows]
