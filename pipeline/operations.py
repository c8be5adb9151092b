"""Alerts about operation, beside those of the drift policies: what an operator wanted and did not get."""

from collections.abc import Sequence

from pipeline.deployments import ModelRef
from schemas.alerts import Alert
from schemas.ids import digest
from schemas.intervals import session_of
from schemas.signals import Notice

POLICY = "operations"


def promotion_failed(ref: ModelRef, reasons: Sequence[str], request: int, at: int) -> Alert:
    """Return the alert about a model that did not get ready; ``request`` numbers the attempt, ``at``: ns UTC."""
    return Alert(
        alert_id=digest("alert", POLICY, "promotion_failed", ref, request),
        policy=POLICY,
        rule="promotion_failed",
        severity="severe",
        strategy="",
        subject=str(ref),
        event_time=at,
        session=session_of(at),
        sample_size=len(reasons),
        window=(at, at),
        evidence={"request": request, "reasons": list(reasons)},
        suggested_action="repair what the reasons name and promote again; what was live before still is",
        message=f"model {ref} is not promoted: {'; '.join(reasons)}",
    )


def control_late(notice: Notice, generation: int) -> Alert:
    """Return the alert about an event that partitions passed before it came: one for each event.

    ``generation``: the log of ``control`` that the event's offset counts in. The times are those of the partition
    that is first seen to be late.
    """
    return Alert(
        alert_id=digest("alert", POLICY, "control_late", generation, notice.control_offset),
        policy=POLICY,
        rule="control_late",
        severity="warning",
        strategy=notice.strategy,
        subject=notice.model or notice.strategy or "router",
        event_time=notice.event_time,
        session=session_of(notice.event_time),
        sample_size=1,
        window=(notice.event_time, notice.event_time),
        evidence={
            "control_offset": notice.control_offset,
            "partition": notice.partition,
            "effective_p": notice.event_time,
        },
        suggested_action="expect other bars on other partitions: control_applied has each one's; give a later time",
        message=f"control event {notice.control_offset} came too late for its bar: {notice.detail}",
    )
