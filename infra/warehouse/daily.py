"""Rows of the daily job: what its report is made of, and which days it has run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from pipeline.drift.metric import DriftMetric


@dataclass(frozen=True, kw_only=True, slots=True)
class DayAlert:
    """One stored alert."""

    alert_id: str
    policy: str
    rule: str
    severity: str
    strategy: str
    subject: str
    event_time: datetime
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DayDecision:
    """One decision of people, of the guard or of retraining. ``kind``: control, guard or retraining."""

    at: datetime
    kind: str
    strategy: str
    what: str
    why: str
    by_whom: str


def day_metrics(connection: Connection, metrics: Sequence[str], after: int, until: int) -> list[DriftMetric]:
    """Metrics of sessions that end after ``after`` and at or before ``until`` (ns UTC), by session."""
    values = {"metrics": list(metrics), "after": to_moment(after), "until": to_moment(until)}
    names = ("strategy", "subject", "metric", "session", "verdict", "value", "sample_size", "detail")
    rows = connection.execute(queries("daily")["metrics"], values)
    return [DriftMetric(**dict(zip(names, row, strict=True))) for row in rows]


def day_alerts(connection: Connection, after: int, until: int) -> list[DayAlert]:
    """Alerts of bar times after ``after`` and at or before ``until`` (ns UTC), by time."""
    values = {"after": to_moment(after), "until": to_moment(until)}
    names = tuple(DayAlert.__dataclass_fields__)
    return [
        DayAlert(**dict(zip(names, row, strict=True))) for row in connection.execute(queries("daily")["alerts"], values)
    ]


def day_decisions(connection: Connection, prefix: str, after: int, until: int) -> list[DayDecision]:
    """Control events and guarded steps between two moments (ns UTC), by kind and time."""
    values = {"prefix": prefix, "after": to_moment(after), "until": to_moment(until)}
    found = []
    for at, action, strategy, model, version, who, reason, cause in connection.execute(
        queries("daily")["control"], values
    ):
        what = f"{action} {model}:{version}" if model else action
        why = f"{reason} ({cause})" if cause else reason
        found.append(DayDecision(at=at, kind="control", strategy=strategy, what=what, why=why, by_whom=who))
    for at, strategy, rule, severity, mode, state, words, drill in connection.execute(
        queries("daily")["guard"], values
    ):
        what = f"{state} ({mode}{', drill ' + drill if drill else ''}): {words}"
        why = f"{severity} alert {rule}"
        found.append(DayDecision(at=at, kind="guard", strategy=strategy, what=what, why=why, by_whom="guard"))
    return found


def begin_day(connection: Connection, job: str, day: date) -> bool:
    """Begin a day's run, or begin it again; False if it is done. Only for who holds the job's lock."""
    return connection.execute(queries("daily")["begin"], {"job": job, "day": day}).fetchone() is not None


def end_day(connection: Connection, job: str, day: date, status: str, detail: Mapping[str, Any]) -> None:
    """A day's run has ended: ``done`` or ``failed``."""
    connection.execute(
        queries("daily")["end"], {"job": job, "day": day, "status": status, "detail": Jsonb(dict(detail))}
    )


def newest_day(connection: Connection, job: str) -> date | None:
    """The last day whose run is done."""
    row = connection.execute(queries("daily")["newest"], {"job": job}).fetchone()
    return None if row is None else row[0]
