"""Stages of models and the approvals behind them: append-only records, never what decides which model is live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries
from pipeline.deployments import ModelRef

Stage = Literal["none", "staging", "production", "archived"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """A decision that was allowed, written before the control event whose ``cause`` names ``approval_id``.

    ``verdict``: each gate with its answer, plain values. ``replaces``: NAME:VERSION, empty for none.
    """

    approval_id: str
    action: str
    strategy: str
    ref: ModelRef
    replaces: str
    forced: bool
    reason: str
    verdict: Mapping[str, Any]
    by_whom: str
    approved_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRecord:
    """A version's stage from ``at`` on. ``event_id``: the control event that it belongs to, empty where there is none.

    ``other``: lineage, NAME:VERSION of the model that this one replaced or was replaced by.
    """

    ref: ModelRef
    stage: Stage
    strategy: str
    at: datetime
    by_whom: str
    reason: str
    forced: bool = False
    verdict: Mapping[str, Any] = field(default_factory=dict)
    event_id: str = ""
    other: str = ""


def add_approval(connection: Connection, one: Approval) -> None:
    """Record an approval."""
    values = (one.approval_id, one.action, one.strategy, one.ref.name, one.ref.version, one.replaces, one.forced,
              one.reason, Jsonb(dict(one.verdict)), one.by_whom)  # fmt: skip
    connection.execute(queries("model_stages")["add approval"], values)


def approvals(connection: Connection, ids: Sequence[str]) -> dict[str, Approval]:
    """Approval id → approval, of those that there are."""
    rows = connection.execute(queries("model_stages")["approvals"], (list(ids),))
    return {one.approval_id: one for one in map(approval, rows)}


def approval(row: tuple[Any, ...]) -> Approval:
    """A row of ``model_approvals``, in the order of "approvals"."""
    approval_id, action, strategy, name, version, replaces, forced, reason, verdict, who, at = row
    return Approval(
        approval_id=approval_id,
        action=action,
        strategy=strategy,
        ref=ModelRef(name=name, version=version),
        replaces=replaces,
        forced=forced,
        reason=reason,
        verdict=verdict,
        by_whom=who,
        approved_at=at,
    )


def add_stage(connection: Connection, one: StageRecord) -> bool:
    """Record a stage; False if it is recorded already, or the version isn't registered here."""
    values = {
        "name": one.ref.name,
        "version": one.ref.version,
        "stage": one.stage,
        "strategy": one.strategy,
        "at": one.at,
        "by_whom": one.by_whom,
        "reason": one.reason,
        "forced": one.forced,
        "verdict": Jsonb(dict(one.verdict)),
        "event_id": one.event_id,
        "other": one.other,
    }
    return connection.execute(queries("model_stages")["add stage"], values).fetchone() is not None


def recorded_events(connection: Connection, event_ids: Sequence[str]) -> frozenset[str]:
    """Those of the events that have a record."""
    rows = connection.execute(queries("model_stages")["recorded events"], (list(event_ids),))
    return frozenset(str(row[0]) for row in rows)


def newest_stages(connection: Connection) -> dict[ModelRef, StageRecord]:
    """The newest record of each version that has one."""
    return {one.ref: one for one in map(_record, connection.execute(queries("model_stages")["newest stages"]))}


def stages_of(connection: Connection, name: str) -> list[StageRecord]:
    """All records of a model's versions, oldest first."""
    return [_record(row) for row in connection.execute(queries("model_stages")["stages of"], (name,))]


def shadow_bars(connection: Connection, strategy: str, ref: ModelRef) -> int:
    """How many bar times the model answered itself (status ok) as a shadow of the strategy, as far as stored."""
    row = connection.execute(queries("model_stages")["shadow bars"], (strategy, ref.name, ref.version)).fetchone()
    return 0 if row is None else int(row[0])


def _record(row: tuple[Any, ...]) -> StageRecord:
    name, version, stage, strategy, at, by_whom, reason, forced, verdict, event_id, other = row
    return StageRecord(
        ref=ModelRef(name=name, version=version),
        stage=stage,
        strategy=strategy,
        at=at,
        by_whom=by_whom,
        reason=reason,
        forced=forced,
        verdict=verdict,
        event_id=event_id,
        other=other,
    )
