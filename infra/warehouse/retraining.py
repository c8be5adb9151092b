"""Rows of retraining: what the triggers look at, and the record of each cycle."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.drift.metric import DriftMetric
from pipeline.retraining.facts import AlertRow, Trigger
from schemas.alerts import SEVERITIES

_BEGINNING, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2261, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycle:
    """One record; ``triggers`` and ``detail`` as plain values. ``worker``: host:pid of its process."""

    cycle_id: str
    strategy: str
    status: str
    stage: str
    reason: str
    outcome: str
    forced: bool
    champion: str
    challenger: str
    triggers: Sequence[Mapping[str, Any]]
    alert_ids: Sequence[str]
    detail: Mapping[str, Any]
    by_whom: str
    worker: str
    started_at: datetime
    finished_at: datetime | None

    def document(self) -> dict[str, Any]:
        """Plain values."""
        finished = None if self.finished_at is None else self.finished_at.isoformat()
        return {**asdict(self), "started_at": self.started_at.isoformat(), "finished_at": finished}


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCycle:
    """What is known when a cycle begins; ``status``: running, quiet or held."""

    cycle_id: str
    strategy: str
    status: str
    reason: str
    forced: bool
    champion: str
    triggers: Sequence[Trigger]
    by_whom: str
    worker: str


def metric_rows(connection: Connection, strategy: str, metric: str, after: int) -> list[DriftMetric]:
    """One metric of a strategy in sessions that end after ``after`` (ns UTC), oldest first."""
    values = {"strategy": strategy, "metric": metric, "after": to_moment(after)}
    return [
        DriftMetric(
            strategy=strategy, subject=subject, metric=metric, session=session, verdict=verdict, value=value,
            sample_size=size, detail=detail,
        )
        for subject, metric, session, verdict, value, size, detail in connection.execute(
            queries("retraining")["metrics"], values
        )
    ]  # fmt: skip


def alert_rows(connection: Connection, strategy: str, severity: str, after: int) -> list[AlertRow]:
    """Alerts about a strategy, or about all of them, at least so severe and later than ``after`` (ns UTC)."""
    worse = list(SEVERITIES[SEVERITIES.index(severity) :])
    values = {"strategy": strategy, "after": to_moment(after), "severities": worse}
    return [
        AlertRow(
            alert_id=alert_id, policy=policy, rule=rule, severity=severity, subject=subject, session=session,
            message=message, evidence=evidence,
        )
        for alert_id, policy, rule, severity, subject, session, message, evidence in connection.execute(
            queries("retraining")["alerts"], values
        )
    ]  # fmt: skip


def answered_alerts(connection: Connection, strategy: str) -> frozenset[str]:
    """Ids of alerts for which a cycle made a model."""
    rows = connection.execute(queries("retraining")["answered"], {"strategy": strategy})
    return frozenset(str(row[0]) for row in rows)


def last_made(connection: Connection, strategy: str) -> int | None:
    """When a cycle last made a model (ns UTC), whatever became of it."""
    row = connection.execute(queries("retraining")["last made"], {"strategy": strategy}).fetchone()
    return None if row is None or row[0] is None else to_nanoseconds(row[0])


def add_cycle(connection: Connection, new: NewCycle) -> None:
    """Record a cycle; one that isn't ``running`` has ended with this."""
    taken: Collection[str] = [name for one in new.triggers for name in one.evidence.get("alerts", ())]
    values = {one.name: getattr(new, one.name) for one in fields(new)}
    triggers = Jsonb([asdict(one) for one in new.triggers])
    connection.execute(queries("retraining")["add"], {**values, "triggers": triggers, "alert_ids": list(taken)})


def enter_stage(connection: Connection, cycle_id: str, stage: str, detail: Mapping[str, Any]) -> None:
    """A running cycle begins a stage; ``detail`` is what the one before has left."""
    values = {"cycle_id": cycle_id, "stage": stage, "detail": Jsonb(dict(detail))}
    connection.execute(queries("retraining")["step"], values)


def end_cycle(
    connection: Connection, cycle_id: str, status: str, outcome: str, *, challenger: str, detail: Mapping[str, Any]
) -> bool:
    """A running cycle ends; False if another process has declared it abandoned."""
    values = {
        "cycle_id": cycle_id,
        "status": status,
        "outcome": outcome,
        "challenger": challenger,
        "detail": Jsonb(dict(detail)),
    }
    return connection.execute(queries("retraining")["end"], values).fetchone() is not None


def abandon_running(connection: Connection) -> list[str]:
    """Close the records of dead processes; only for who holds the lock of cycles. Returns their ids."""
    return [str(row[0]) for row in connection.execute(queries("retraining")["abandon"])]


def cycles(
    connection: Connection,
    *,
    strategy: str = "",
    cycle_id: str = "",
    after: datetime = _BEGINNING,
    until: datetime = _END,
    limit: int = 1_000,
) -> list[Cycle]:
    """Records that began after ``after`` and at or before ``until``, newest first."""
    values = {"strategy": strategy, "cycle_id": cycle_id, "after": after, "until": until, "limit": limit}
    names = [one.name for one in fields(Cycle)]
    rows = connection.execute(queries("retraining")["list"], values)
    return [Cycle(**dict(zip(names, row, strict=True))) for row in rows]


def dataset_request(connection: Connection, fingerprint: str) -> Mapping[str, Any] | None:
    """What a registered dataset was asked for, plain values; None for a fingerprint that isn't registered."""
    row = connection.execute(queries("retraining")["dataset request"], {"fingerprint": fingerprint}).fetchone()
    return None if row is None else row[0]


def database_clock(connection: Connection) -> int:
    """The database's clock, ns UTC."""
    row = connection.execute(queries("retraining")["clock"]).fetchone()
    assert row is not None
    return to_nanoseconds(row[0])
