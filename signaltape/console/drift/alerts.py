"""Alerts with their evidence, what was delivered, and what the guard did or would have done."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.console_drift import alert_bodies, steps_of
from infra.warehouse.deliveries import ListedAlert, list_alerts
from infra.warehouse.guard import StepRow
from infra.warehouse.moments import to_nanoseconds
from schemas.alerts import SEVERITIES
from signaltape.console.runbook import runbook

#: The part of the runbook that says what to do stands below a heading of the rule's name.
RUNBOOK = "docs/runbook.md"
#: Longer evidence is shown in part.
_MOST_EVIDENCE = 60


def alerts(
    connection: Connection, settings: Settings, *, strategy: str, severity: str, state: str, limit: int
) -> dict[str, Any]:
    """The newest alerts, cut at ``limit``; ``severity``: the least one."""
    prefix, least = settings.topics.prefix, SEVERITIES[SEVERITIES.index(severity) :]
    rows = list_alerts(
        connection, prefix, severities=least, strategy=strategy, state=state, limit=limit + 1
    )  # one more tells whether there are more
    shown = rows[:limit]
    ids = [row.alert_id for row in shown]
    bodies, steps = alert_bodies(connection, ids), steps_of(connection, prefix, ids)
    return {
        "alerts": [_alert(row, bodies.get(row.alert_id, {}), steps.get(row.alert_id)) for row in shown],
        "truncated": len(rows) > limit,
        "limit": limit,
        "guard_mode": settings.guard.mode,
        "sinks": [
            name
            for name, there in (("webhook", settings.responder.webhook_url), ("file", settings.responder.file))
            if there
        ],
    }


def _alert(row: ListedAlert, body: Mapping[str, Any], step: StepRow | None) -> dict[str, Any]:
    evidence = dict(body.get("evidence", {}))
    return {
        "alert_id": row.alert_id,
        "event_time": to_nanoseconds(row.event_time),
        "severity": row.severity,
        "rule": row.rule,
        "strategy": row.strategy,
        "subject": row.subject,
        "message": row.message,
        "policy": body.get("policy"),
        "onset": body.get("onset"),
        "window": body.get("window"),
        "sample_size": body.get("sample_size"),
        "budget": body.get("false_alarm_budget"),
        "suggested_action": body.get("suggested_action", ""),
        "e_value": evidence.pop("e_value", None),
        "e_threshold": evidence.pop("e_threshold", None),
        "days": evidence.pop("days", None),
        "members": evidence.pop("members", []),
        "members_total": evidence.pop("members_total", 0),
        "recent": evidence.pop("recent", [])[-_MOST_EVIDENCE:],
        "evidence": dict(list(evidence.items())[:_MOST_EVIDENCE]),
        "published": row.published_at is not None,
        "deliveries": [{"sink": sink, **one} for sink, one in sorted(row.deliveries.items())],
        "guard": None if step is None else _step(step),
        "runbook": f"{RUNBOOK}#{row.rule}",
        "runbook_says": dict(runbook().get(row.rule, {})),
    }


def _step(step: StepRow) -> dict[str, Any]:
    found = asdict(step)
    found["decided_at"] = to_nanoseconds(step.decided_at)
    found["settled_at"] = None if step.settled_at is None else to_nanoseconds(step.settled_at)
    return found
