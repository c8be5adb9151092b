"""A step as the control event that it becomes."""

from pipeline.guard.decision import Step
from schemas.alerts import Alert
from schemas.control import ControlEvent
from schemas.ids import digest

#: Who issues the guard's events.
ISSUER = "guard"
_CAUSE = "alert "


def cause_of(alert_id: str) -> str:
    """The ``cause`` of an event that an alert led to."""
    return _CAUSE + alert_id


def is_guarded(event: ControlEvent) -> bool:
    """True if the guard issued an event; its approval, if it swaps models, has the event's id."""
    return event.issued_by == ISSUER and event.cause.startswith(_CAUSE)


def event_id_of(alert_id: str) -> str:
    """Id of the one event that an alert may lead to: whoever decides it again finds the same."""
    return digest("guard", alert_id)


def control_event(step: Step, alert: Alert, issued_at: int) -> ControlEvent:
    """Return the event of a step; its bar time is set when it is written. ``issued_at``: ns UTC."""
    model = step.effect.model
    return ControlEvent(
        event_id=event_id_of(alert.alert_id),
        action=step.effect.action,
        effective_from=0,
        issued_at=issued_at,
        issued_by=ISSUER,
        reason=f"{step.effect.rung}: {step.effect.words}; {step.reason}",
        cause=cause_of(alert.alert_id),
        strategy=alert.strategy,
        model="" if model is None else model.name,
        model_version=0 if model is None else model.version,
        parameters=dict(step.effect.parameters),
    )
