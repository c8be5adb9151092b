"""Stages without a control event: staging, archive, removal."""

import secrets
from datetime import UTC, datetime

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.model_stages import Approval, Stage, StageRecord, add_approval, add_stage
from infra.who import current_user
from pipeline.deployments import ModelRef
from signaltape.promotion.deciding import deciding
from signaltape.promotion.errors import StillNeeded
from signaltape.promotion.evidence import tested
from signaltape.promotion.gates import Gate, document, pass_through
from signaltape.promotion.history import Decisions, read_decisions
from signaltape.promotion.stages import fill_in

_DEADLINE_S = 30.0


def to_staging(settings: Settings, ref: ModelRef, *, force: bool = False, reason: str = "") -> tuple[Gate, ...]:
    """Mark a version as ready to be compared and shadowed: its files are checked, its model tests must have passed.

    Raises GateClosed, UnknownModel and other ModelRefused.
    """
    gates = (tested(ModelRegistry(settings), ref),)
    forced = pass_through(ref, gates, force=force, reason=reason)
    approval = Approval(
        approval_id=secrets.token_hex(8),
        action="staging",
        strategy="",
        ref=ref,
        replaces="",
        forced=forced,
        reason=reason,
        verdict=document(gates),
        by_whom=current_user(),
    )

    def record(connection: Connection) -> None:
        add_approval(connection, approval)
        add_stage(connection, _record(ref, "staging", reason, forced=forced, verdict=approval.verdict))

    with Warehouse(settings, "signaltape-stages") as warehouse:
        warehouse.run(record)
    return gates


def archive(settings: Settings, ref: ModelRef, reason: str) -> None:
    """Take a version that predicts nowhere out of use; its files stay. Raises StillNeeded, UnknownModel."""
    ModelRegistry(settings).get(ref.name, ref.version)
    with deciding(settings, _DEADLINE_S):
        decisions = read_decisions(settings)
        fill_in(settings, decisions.events)
        if where := _predicts(decisions, ref):
            raise StillNeeded(f"{ref} is not archived: {where}")
        with Warehouse(settings, "signaltape-stages") as warehouse:
            warehouse.run(lambda connection: add_stage(connection, _record(ref, "archived", reason)))


def remove(settings: Settings, ref: ModelRef, reason: str) -> None:
    """Remove a version and its files: never the live one of a strategy nor its last two predecessors.

    Its metrics, runs and place in the lineage stay. A second call makes up for a death in between. Raises StillNeeded,
    UnknownModel.
    """
    with deciding(settings, _DEADLINE_S):
        decisions = read_decisions(settings)
        fill_in(settings, decisions.events)
        if where := _predicts(decisions, ref) or _kept(decisions, ref):
            raise StillNeeded(f"{ref} is not removed: {where}")
        ModelRegistry(settings).remove(ref.name, ref.version, current_user(), reason)


def _predicts(decisions: Decisions, ref: ModelRef) -> str:
    for one in decisions.deployments.strategies:
        if one.live == ref:
            return f"it is live for strategy {one.name}, or will be at its bar"
        if one.experiment is not None and one.experiment.arm == ref:
            return f"it is the arm of experiment {one.experiment.name} of strategy {one.name}: stop that first"
        if ref in one.shadows:
            return f"it is a shadow of strategy {one.name}: take it out first"
    return ""


def _kept(decisions: Decisions, ref: ModelRef) -> str:
    for name, one in sorted(decisions.successions.items()):
        if ref in one.kept:
            return f"it is one of the last two models before {one.live}, which strategy {name} may roll back to"
    return ""


def _record(ref: ModelRef, stage: Stage, reason: str, *, forced: bool = False, verdict: object = None) -> StageRecord:
    return StageRecord(
        ref=ref,
        stage=stage,
        strategy="",
        at=datetime.now(UTC),
        by_whom=current_user(),
        reason=reason,
        forced=forced,
        verdict=verdict if isinstance(verdict, dict) else {},
    )
