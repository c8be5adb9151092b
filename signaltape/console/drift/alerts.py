"""Alerts with their evidence, what was delivered, and what the guard did or would have done."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.console_drift import alert_bodies, alerts_by_rule, newest_of_rules, steps_of
from infra.warehouse.deliveries import ListedAlert, list_alerts
from infra.warehouse.guard import StepRow
from infra.warehouse.moments import to_nanoseconds
from pipeline import operations
from pipeline.guard import drill
from schemas.alerts import SEVERITIES
from signaltape.console.drift.firing import Rule
from signaltape.console.runbook.sections import runbook

#: Longer evidence is shown in part.
_MOST_EVIDENCE = 60
#: Of those that fire, in case that a policy of one's own sets everything on fire.
_MOST_FIRING = 200
_WITHOUT_SPELLS = (operations.POLICY, drill.POLICY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which alerts. ``severity``: the least one; "" elsewhere: any; ``alert_id``: one that is told whatever else."""

    strategy: str = ""
    severity: str = "info"
    rule: str = ""
    alert_id: str = ""


def alerts(
    connection: Connection, settings: Settings, firing: frozenset[Rule] | None, wanted: Wanted, limit: int
) -> dict[str, Any]:
    """The newest alerts, cut at ``limit``, and those that fire, however old; newest first, each with its state."""
    prefix, every = settings.topics.prefix, SEVERITIES[SEVERITIES.index(wanted.severity) :]
    choice: dict[str, Any] = {"severities": every, "strategy": wanted.strategy, "rule": wanted.rule}
    newest = list_alerts(connection, prefix, **choice, limit=limit + 1)  # one more tells whether there are more
    alight = newest_of_rules(connection, firing or ())
    shown = {row.alert_id: row for row in newest[:limit]}
    for row in list_alerts(connection, prefix, **choice, ids=alight, limit=_MOST_FIRING):
        shown.setdefault(row.alert_id, row)
    linked = list_alerts(connection, prefix, severities=SEVERITIES, ids=[wanted.alert_id], limit=1)
    ids = [*shown, *(row.alert_id for row in linked)]
    bodies, steps = alert_bodies(connection, ids), steps_of(connection, prefix, ids)

    def told(row: ListedAlert) -> dict[str, Any]:
        body = bodies.get(row.alert_id, {})
        return _alert(row, body, steps.get(row.alert_id)) | {
            "state": _state(row, body, None if firing is None else frozenset(alight))
        }

    ordered = sorted(shown.values(), key=lambda row: row.alert_id)
    ordered.sort(key=lambda row: row.event_time, reverse=True)
    return {
        "alerts": [told(row) for row in ordered],
        "linked": [told(row) for row in linked],
        "counts": alerts_by_rule(connection, wanted.strategy, every),
        "truncated": len(newest) > limit,
        "limit": limit,
        "guard_mode": settings.guard.mode,
        "sinks": [
            name
            for name, there in (("webhook", settings.responder.webhook_url), ("file", settings.responder.file))
            if there
        ],
    }


def _state(row: ListedAlert, body: Mapping[str, Any], alight: frozenset[str] | None) -> str:
    """``once``: it happened and has no spell. A spell has one alert, its first: of several, the newest may fire."""
    if body.get("policy") in _WITHOUT_SPELLS:
        return "once"
    if alight is None:
        return "unknown"
    return "firing" if row.alert_id in alight else "over"


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
        # A rule of one's own policy has no section.
        "runbook": row.rule if row.rule in runbook() else None,
        "runbook_says": dict(runbook().get(row.rule, {})),
    }


def _step(step: StepRow) -> dict[str, Any]:
    found = asdict(step)
    found["decided_at"] = to_nanoseconds(step.decided_at)
    found["settled_at"] = None if step.settled_at is None else to_nanoseconds(step.settled_at)
    return found
