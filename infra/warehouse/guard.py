"""Rows of the guard: steps with their outbox, vetoes, and what they say about a strategy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from infra.warehouse.connection import Connection
from infra.warehouse.model_stages import Approval, add_approval
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.deployments import ModelRef
from pipeline.guard.decision import Refusal, Step
from pipeline.guard.drill import drill_of
from pipeline.guard.event import ISSUER
from pipeline.guard.state import GuardState, PastStep, Veto
from schemas.alerts import Alert
from schemas.codec import decode_json, encode_json
from schemas.control import ControlEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What was decided about an alert in a mode; ``event``: what a step puts into ``control``, None for a refusal."""

    alert: Alert
    mode: str
    answer: Step | Refusal
    event: ControlEvent | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingStep:
    """A step of mode ``act`` whose event is not known to lie in ``control``. ``replaced``: the model it takes out."""

    alert_id: str
    event: ControlEvent
    replaced: ModelRef | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRow:
    """A row of ``guarded_steps`` as it is shown."""

    decided_at: datetime
    strategy: str
    session: int
    rule: str
    severity: str
    mode: str
    drill: str
    state: str
    rung: str
    words: str
    code: str
    reason: str
    passed_over: Sequence[Sequence[str]]
    replaced: str
    event_id: str
    control_offset: int | None
    settled_at: datetime | None
    alert_id: str


def registered_models(connection: Connection) -> frozenset[ModelRef]:
    """Versions that can be loaded."""
    rows = connection.execute(queries("guard")["registered models"])
    return frozenset(ModelRef(name=name, version=version) for name, version in rows)


def state_of(connection: Connection, prefix: str, strategy: str, mode: str, drill: str = "") -> GuardState:
    """What is remembered of a strategy in one mode, and one drill ("" for real alerts)."""
    values = {"prefix": prefix, "strategy": strategy, "mode": mode, "drill": drill}
    rows = connection.execute(queries("guard")["history"], values).fetchall()
    steps = tuple(
        PastStep(session=session, rung=rung, replaced=_ref(out), taken_at=None if drill else to_nanoseconds(decided_at))
        for session, rung, out, decided_at in rows
        if rung
    )
    veto = connection.execute(queries("guard")["veto in force"], values).fetchone()
    return GuardState(steps=steps, alerts=tuple({row[0] for row in rows}), veto=None if veto is None else _veto(veto))


def add_step(connection: Connection, prefix: str, one: Decided) -> bool:
    """Record what was decided about an alert; False if that is recorded already.

    A step of mode ``act`` waits in the outbox; a swap is approved with it.
    """
    alert, answer, event = one.alert, one.answer, one.event
    values: dict[str, Any] = {
        "prefix": prefix, "alert_id": alert.alert_id, "strategy": alert.strategy, "session": alert.session,
        "rule": alert.rule, "severity": alert.severity, "mode": one.mode, "drill": drill_of(alert),
        "reason": answer.reason, "passed_over": Jsonb([list(pair) for pair in answer.passed_over]),
        "state": "refused", "rung": "", "words": "", "code": "", "replaced": "", "event_id": "", "event": None,
    }  # fmt: skip
    if isinstance(answer, Refusal):
        values["code"] = answer.code
    elif event is not None:
        out = answer.effect.replaces
        values |= {
            "state": "waiting" if one.mode == "act" else "dry_run", "rung": answer.effect.rung,
            "words": answer.effect.words, "replaced": "" if out is None else str(out), "event_id": event.event_id,
            "event": encode_json(event).decode(),
        }  # fmt: skip
    is_new = connection.execute(queries("guard")["add step"], values).fetchone() is not None
    if is_new and values["state"] == "waiting" and isinstance(answer, Step) and answer.effect.model is not None:
        add_approval(connection, _approval(answer, answer.effect.model, values["event_id"], alert))
    return is_new


def waiting_steps(connection: Connection, prefix: str) -> list[WaitingStep]:
    """Steps in the outbox, oldest first."""
    found = []
    for alert_id, event, replaced in connection.execute(queries("guard")["waiting steps"], {"prefix": prefix}):
        message = decode_json(event.encode())
        if isinstance(message, ControlEvent):
            found.append(WaitingStep(alert_id=alert_id, event=message, replaced=_ref(replaced)))
    return found


def settle_step(connection: Connection, prefix: str, alert_id: str, control_offset: int | None, why: str = "") -> None:
    """Take a step out of the outbox: published at an offset, or void because of ``why``."""
    state = "void" if control_offset is None else "published"
    values = {"prefix": prefix, "alert_id": alert_id, "state": state, "control_offset": control_offset, "why": why}
    connection.execute(queries("guard")["settle step"], values)


def steps(
    connection: Connection, prefix: str, *, strategy: str = "", drill: str | None = None, limit: int = 50
) -> list[StepRow]:
    """The newest rows first; ``drill`` None: all, "": real alerts only."""
    values = {"prefix": prefix, "strategy": strategy, "drill": drill, "limit": limit}
    rows = connection.execute(queries("guard")["steps"], values)
    names = list(StepRow.__dataclass_fields__)
    return [StepRow(**dict(zip(names, row, strict=True))) for row in rows]


def vetoes(connection: Connection, prefix: str) -> list[Veto]:
    """Those in force."""
    return [_veto(row) for row in connection.execute(queries("guard")["vetoes in force"], {"prefix": prefix})]


def add_veto(connection: Connection, prefix: str, veto: Veto) -> Veto | None:
    """Record a veto, inside the caller's transaction; the one in force, and nothing recorded, if there is one."""
    named = queries("guard")
    values = {
        "prefix": prefix, "strategy": veto.strategy, "reason": veto.reason, "by_whom": veto.by_whom,
        "until": None if veto.until is None else to_moment(veto.until),
    }  # fmt: skip
    connection.execute(named["take turns"], values)
    held = connection.execute(named["veto in force"], values).fetchone()
    if held is not None:
        return _veto(held)
    connection.execute(named["add veto"], values)
    return None


def lift_veto(connection: Connection, prefix: str, strategy: str, reason: str, by_whom: str) -> bool:
    """End the veto in force; False if there is none."""
    values = {"prefix": prefix, "strategy": strategy, "reason": reason, "by_whom": by_whom}
    return connection.execute(queries("guard")["lift veto"], values).rowcount > 0


def _approval(step: Step, model: ModelRef, event_id: str, alert: Alert) -> Approval:
    """What a stage of the model will name as its approval."""
    return Approval(
        approval_id=event_id,
        action=step.effect.rung,
        strategy=alert.strategy,
        ref=model,
        replaces="" if step.effect.replaces is None else str(step.effect.replaces),
        forced=False,
        reason=step.reason,
        verdict={"guard": step.effect.rung, "alert_id": alert.alert_id},
        by_whom=ISSUER,
    )


def _veto(row: Sequence[Any]) -> Veto:
    strategy, reason, by_whom, until = row
    return Veto(
        strategy=strategy, reason=reason, by_whom=by_whom, until=None if until is None else to_nanoseconds(until)
    )


def _ref(text: str) -> ModelRef | None:
    name, _, version = text.rpartition(":")
    return ModelRef(name=name, version=int(version)) if name else None
