"""The outbox of alerts: whoever finds something writes a row with what it belongs to; the drift agent publishes it.

The one active drift agent is the only writer of the topic, so that each row is there once.
"""

from collections.abc import Sequence
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries
from schemas.alerts import Alert
from schemas.codec import decode_json, encode_json
from schemas.intervals import SECOND


def add_alerts(connection: Connection, alerts: Sequence[Alert]) -> None:
    """Put alerts into the outbox, inside the caller's transaction; one that is there with its time stays as it is."""
    if alerts:
        connection.execute(queries("alert_outbox")["add alerts"], _columns(alerts))


def add_alerts_once(connection: Connection, alerts: Sequence[Alert]) -> None:
    """The same for alerts whose time depends on who finds them first: there is one for each id, whatever its time."""
    if alerts:
        columns = _columns(list({alert.alert_id: alert for alert in reversed(alerts)}.values()))
        connection.execute(queries("alert_outbox")["take turns"], {"ids": columns["ids"]})
        connection.execute(queries("alert_outbox")["add alerts once"], columns)


def waiting_alerts(connection: Connection) -> list[Alert]:
    """Alerts that were written, and not marked as published."""
    found = []
    for (body,) in connection.execute(queries("alert_outbox")["waiting alerts"]):
        message = decode_json(body.encode())
        if isinstance(message, Alert):
            found.append(message)
    return found


def mark_published(connection: Connection, alerts: Sequence[Alert]) -> None:
    """Take alerts out of the outbox."""
    connection.execute(queries("alert_outbox")["mark published"], {"ids": [alert.alert_id for alert in alerts]})


def _columns(alerts: Sequence[Alert]) -> dict[str, list[Any]]:
    return {
        "ids": [one.alert_id for one in alerts],
        "event_times_s": [one.event_time // SECOND for one in alerts],
        "policies": [one.policy for one in alerts],
        "rules": [one.rule for one in alerts],
        "severities": [one.severity for one in alerts],
        "strategies": [one.strategy for one in alerts],
        "subjects": [one.subject for one in alerts],
        "bodies": [encode_json(one).decode() for one in alerts],
    }
