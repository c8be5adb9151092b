"""What the console reads of drift: series, their course, their features, their alerts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.guard import StepRow
from infra.warehouse.queries import queries
from pipeline.drift.metric import METRICS


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesRow:
    """A series that was measured: how many sessions, the first and the newest one (their last instants)."""

    strategy: str
    subject: str
    sessions: int
    first: datetime
    newest: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A metric on a session (its last instant); ``value`` None: insufficient, ``detail`` says why."""

    metric: str
    session: datetime
    verdict: str
    value: float | None
    sample_size: int
    detail: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class FeaturePoint:
    """The PSI of a feature on a session. ``chance``: what it hardly exceeds while nothing moves."""

    subject: str
    session: datetime
    verdict: str
    value: float | None
    sample_size: int
    chance: float | None
    ks_p: float | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Whose:
    """A series by its names."""

    strategy: str
    subject: str

    def values(self, **more: Any) -> dict[str, Any]:
        """Parameters of a query."""
        return {"policy": METRICS, "strategy": self.strategy, "subject": self.subject, **more}


def series_rows(connection: Connection, limit: int) -> list[SeriesRow]:
    """Series that were measured, those of the newest session first."""
    rows = connection.execute(_named()["series"], {"policy": METRICS, "limit": limit})
    return [SeriesRow(**dict(zip(SeriesRow.__dataclass_fields__, row, strict=True))) for row in rows]


def alert_counts(connection: Connection) -> dict[tuple[str, str], tuple[int, datetime]]:
    """(strategy, subject) → alerts that were raised about it, and the bar time of the newest."""
    rows = connection.execute(_named()["newest alerts of series"])
    return {(strategy, subject): (count, newest) for strategy, subject, count, newest in rows}


def course(connection: Connection, whose: Whose, metrics: Sequence[str], days: int) -> list[Point]:
    """The metrics of a series in its ``days`` newest sessions, by metric, oldest first."""
    rows = connection.execute(_named()["course"], whose.values(metrics=list(metrics), days=days))
    return [Point(**dict(zip(Point.__dataclass_fields__, row, strict=True))) for row in rows]


def revised_coefficients(connection: Connection, whose: Whose, since: datetime) -> dict[datetime, float | None]:
    """Session → its IC after all corrections, where that changed; None: there is too little left for one."""
    rows = connection.execute(_named()["revisions"], whose.values(since=since))
    return {session: value for session, value, _, _ in rows}


def feature_course(
    connection: Connection, strategy: str, prefix: str, since: datetime, until: datetime
) -> list[FeaturePoint]:
    """PSI of the features whose subject begins with ``prefix``, by feature and session."""
    values = {"policy": METRICS, "strategy": strategy, "prefix": prefix, "since": since, "until": until}
    rows = connection.execute(_named()["feature course"], values)
    return [FeaturePoint(**dict(zip(FeaturePoint.__dataclass_fields__, row, strict=True))) for row in rows]


def one_feature(connection: Connection, whose: Whose, since: datetime) -> list[Point]:
    """The PSI of one feature, with all that was stored beside it, oldest first."""
    rows = connection.execute(_named()["one feature"], whose.values(since=since))
    return [Point(**dict(zip(Point.__dataclass_fields__, ("feature_psi", *row), strict=True))) for row in rows]


def state_size(connection: Connection, service: str, key: str) -> tuple[int, datetime] | None:
    """Bytes of an agent's state, and when it was written; None before the first."""
    row = connection.execute(_named()["state size"], {"service": service, "key": key}).fetchone()
    return None if row is None else (int(row[0]), row[1])


def alerts_of(connection: Connection, whose: Whose, since: datetime, limit: int) -> list[tuple[Any, ...]]:
    """(alert_id, event_time, rule, severity, body) of a series' alerts, oldest first."""
    return connection.execute(_named()["alerts of series"], whose.values(since=since, limit=limit)).fetchall()


def alerts_by_rule(connection: Connection, strategy: str, severities: Sequence[str]) -> dict[str, int]:
    """Rule → how many alerts it has raised, of one strategy ("": of all) and these severities."""
    values = {"strategy": strategy, "severities": list(severities)}
    return dict(connection.execute(_named()["alerts by rule"], values).fetchall())


def newest_of_rules(connection: Connection, wanted: Iterable[tuple[str, str, str]]) -> list[str]:
    """Ids of the newest alert of each (strategy, subject, rule)."""
    rows = sorted(wanted)
    values = {name: [row[at] for row in rows] for at, name in enumerate(("strategies", "subjects", "rules"))}
    return [alert_id for (alert_id,) in connection.execute(_named()["newest of rules"], values)]


def alert_bodies(connection: Connection, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Whole alerts by their ids."""
    return dict(connection.execute(_named()["alert bodies"], {"ids": list(ids)}).fetchall())


def steps_of(connection: Connection, prefix: str, ids: Sequence[str]) -> dict[str, StepRow]:
    """What the guard decided about alerts, by their ids."""
    rows = connection.execute(_named()["steps of alerts"], {"prefix": prefix, "ids": list(ids)})
    found = [StepRow(**dict(zip(StepRow.__dataclass_fields__, row, strict=True))) for row in rows]
    return {one.alert_id: one for one in found}


def _named() -> Mapping[str, Any]:
    return queries("console_drift")
