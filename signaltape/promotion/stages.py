"""Stage records made from the log of decisions: as often as one likes, by anybody, with the same result."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from infra.settings import Settings
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.model_stages import Approval, StageRecord, add_stage, approvals, recorded_events
from infra.warehouse.moments import to_moment
from pipeline.deployments import ModelRef
from pipeline.guard.event import is_guarded
from schemas.control import ControlEvent

_SWAPS = ("activate", "rollback")
_CAUSE = "approval "


def cause_of(approval_id: str) -> str:
    """The ``cause`` of a control event that was approved."""
    return _CAUSE + approval_id


def approval_of(event: ControlEvent) -> str:
    """The approval that an event names, "" if it was issued past all gates."""
    if is_guarded(event):
        return event.event_id
    return event.cause.removeprefix(_CAUSE) if event.cause.startswith(_CAUSE) else ""


def fill_in(settings: Settings, events: Iterable[ControlEvent]) -> int:
    """Record what ``events``, in the order of effect, lead to, where it has no record yet; returns how many records.

    A swap makes its model ``production``, and the one that it replaces ``archived`` unless another strategy still has
    it. Who decided and why comes from the approval that the event names; an event without one was issued past all
    gates, and its record says ``forced``.
    """
    swaps = [event for event in events if event.action in _SWAPS]

    def record(connection: Connection) -> int:
        known = recorded_events(connection, [event.event_id for event in swaps])
        wanted = [approval_of(event) for event in swaps if event.event_id not in known and approval_of(event)]
        given = approvals(connection, wanted)
        return sum(add_stage(connection, one) for one in records_of(swaps, known, given))

    with Warehouse(settings, "signaltape-stages") as warehouse:
        return warehouse.run(record)


def records_of(
    swaps: Iterable[ControlEvent], known: frozenset[str], given: dict[str, Approval]
) -> Iterator[StageRecord]:
    """Yield the records of all swaps but those of events that are ``known``; ``given``: approvals by id."""
    live: dict[str, ModelRef] = {}
    for event in swaps:
        ref = ModelRef(name=event.model, version=event.model_version)
        before = live.get(event.strategy)
        live[event.strategy] = ref
        if event.event_id in known:
            continue
        approval = given.get(approval_of(event))
        made = StageRecord(
            ref=ref,
            stage="production",
            strategy=event.strategy,
            at=to_moment(event.issued_at),
            by_whom=event.issued_by,
            reason=event.reason,
            forced=approval is None or approval.forced,
            verdict={"approved": False} if approval is None else approval.verdict,
            event_id=event.event_id,
            other="" if before is None or before == ref else str(before),
        )
        yield made
        if before is not None and before not in live.values():
            why = f"{'rolled back to' if event.action == 'rollback' else 'replaced by'} {ref}"
            yield replace(made, ref=before, stage="archived", reason=why, forced=False, verdict={}, other=str(ref))
