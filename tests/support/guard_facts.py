"""Alerts and control events for the guard's tests."""

from typing import Any

from pipeline.control_checks import refusal
from pipeline.deployments import ModelRef
from pipeline.guard.decision import Moment
from pipeline.guard.policy import GuardPolicy
from pipeline.guard.state import InForce, in_force
from schemas.alerts import Alert
from schemas.control import ControlEvent
from schemas.intervals import DAY, SECOND

#: A session day, and an instant in it (ns UTC).
SESSION = 20_000
AT = SESSION * DAY + 15 * 3_600 * SECOND
MOMENT = Moment(at=AT, published=AT)
OLD, LIVE, SAFE = (ModelRef(name="ridge", version=number) for number in (1, 2, 9))
POLICY = GuardPolicy(mode="act", fallbacks={"alpha": SAFE})


def alert(session: int = SESSION, **fields: Any) -> Alert:
    values: dict[str, Any] = {
        "alert_id": f"a{session}", "policy": "calibrated", "rule": "mean_ic_fell", "severity": "severe",
        "strategy": "alpha", "subject": "score/ridge:2/1d/5/live", "event_time": session * DAY + 1, "session": session,
        "sample_size": 500, "window": (session * DAY, session * DAY + 1),
    }  # fmt: skip
    return Alert(**values | fields)


def control(*steps: tuple[str, Any], strategy: str = "alpha") -> list[ControlEvent]:
    """Events in order: ("activate", ref), ("rollback", ref), ("position_scale", x), ("pause", None) …"""
    events = []
    for offset, (action, value) in enumerate(steps):
        ref = value if isinstance(value, ModelRef) else None
        event = ControlEvent(
            event_id=str(offset), action=action, effective_from=0, issued_at=0, issued_by="test", strategy=strategy,
            model="" if ref is None else ref.name, model_version=0 if ref is None else ref.version,
            parameters={"scale": value} if action == "position_scale" else {}, control_offset=offset,
        )  # fmt: skip
        assert not refusal(event)
        events.append(event)
    return events


#: OLD was live, then LIVE.
TWO_MODELS = (("activate", OLD), ("activate", LIVE))
REGISTERED = frozenset({OLD, LIVE, SAFE})


def now(*steps: tuple[str, Any]) -> InForce:
    return in_force(control(*(steps or TWO_MODELS)), REGISTERED)
