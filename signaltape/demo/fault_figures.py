"""What was found of a planted fault: alerts with their evidence, and what the guard did about them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.connection import Connection
from infra.warehouse.guard import StepRow, steps
from infra.warehouse.queries import queries
from pipeline.drift.series import Series
from schemas.alerts import Alert
from schemas.codec import decode_json
from schemas.fields import I8Array
from schemas.intervals import DAY, session_of
from signaltape.demo.models import TrainedModel
from signaltape.demo.parts import Fault, Part


def read_fault(settings: Settings, part: Part, fault: Fault, model: TrainedModel) -> dict[str, Any]:
    """Return a fault of a part's first stretch, and what the drift agent and the guard say about the model there.

    ``sessions``: published before the fault and from it on. ``alerts``: see ``described``. ``detected``: one came in a
    faulty session and led to a step of the guard.
    """
    stretch = part.stretches[0]
    series = Series(
        strategy=stretch.strategy, model=model.name, version=model.version, role="live",
        interval=stretch.live.interval, horizon=stretch.horizon,
    )  # fmt: skip
    sessions: I8Array = np.unique((stretch.live.event_time - 1) // DAY)
    with connect(settings, name="signaltape-report") as connection:
        raised = _alerts(connection, series)
        taken = steps(connection, settings.topics.prefix, strategy=series.strategy, drill="", limit=1_000)
    alerts = [described(one, taken, sessions, fault) for one in raised]
    return {
        "strategy": series.strategy,
        "model": str(model.ref),
        "subject": series.subject,
        "what": fault.what,
        "begins": fault.begins,
        "sessions": {"before": _place(sessions, fault), "faulty": len(sessions) - _place(sessions, fault)},
        "guard": {"mode": settings.guard.mode, "severity": settings.guard.severity},
        "alerts": alerts,
        "detected": any(one["in_session"] > 0 and one["step"] and one["step"]["rung"] for one in alerts),
    }


def described(alert: Alert, taken: Sequence[StepRow], sessions: I8Array, fault: Fault) -> dict[str, Any]:
    """Return one alert with its evidence, its times counted in ``sessions`` (ascending day numbers).

    ``in_session``: the faulty session that it came in, from 1 on; 0 or less is before the fault, a false alarm.
    ``onset_error_sessions``: estimated minus planted onset. ``step``: what the guard decided about it, None where it
    was too mild for a decision.
    """
    first, step = _place(sessions, fault), next((row for row in taken if row.alert_id == alert.alert_id), None)
    onset = None if alert.onset is None else int(np.searchsorted(sessions, alert.onset // DAY)) - first
    return {
        "alert_id": alert.alert_id,
        "policy": alert.policy,
        "rule": alert.rule,
        "severity": alert.severity,
        "event_time": alert.event_time,
        "in_session": int(np.searchsorted(sessions, alert.session)) - first + 1,
        "onset": alert.onset,
        "onset_error_sessions": onset,
        "sample_size": alert.sample_size,
        "false_alarm_budget": alert.false_alarm_budget,
        "suggested_action": alert.suggested_action,
        "message": alert.message,
        "evidence": alert.evidence,
        "step": None if step is None else _step(step),
    }


def _place(sessions: I8Array, fault: Fault) -> int:
    return int(np.searchsorted(sessions, session_of(fault.begins)))


def _step(row: StepRow) -> dict[str, Any]:
    names = ("mode", "state", "rung", "words", "code", "reason")
    return {name: getattr(row, name) for name in names} | {"passed_over": [list(pair) for pair in row.passed_over]}


def _alerts(connection: Connection, series: Series) -> list[Alert]:
    """Alerts about a series, oldest first."""
    values = {"strategy": series.strategy, "subject": series.subject}
    rows = connection.execute(queries("demo_figures")["alerts about"], values)
    messages = [decode_json(body.encode()) for (body,) in rows]
    return [message for message in messages if isinstance(message, Alert)]
