"""A simulated fault: one alert after the other, each when the last step's cool-down is over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.deployments import ModelRef
from pipeline.guard.decision import Moment, Refusal, Step, decide
from pipeline.guard.event import control_event
from pipeline.guard.policy import GuardPolicy
from pipeline.guard.state import GuardState, PastStep, in_force
from schemas.alerts import Alert
from schemas.control import ControlEvent
from schemas.ids import digest
from schemas.intervals import session_of

#: Policy and rule of the alerts of a drill; their evidence says which drill.
POLICY = "drill"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """One alert of a drill and what the guard says to it; ``event``: what would go into ``control``."""

    alert: Alert
    answer: Step | Refusal
    event: ControlEvent | None


def drill_alert(drill: str, strategy: str, number: int, at: int, policy: GuardPolicy) -> Alert:
    """Return the ``number``-th alert (from 0) of a drill begun at ``at`` (ns UTC).

    Its session lies behind the cool-down of the one before, so that each alert asks for a step.
    """
    session = session_of(at) + number * max(1, policy.cooldown_sessions)
    return Alert(
        alert_id=digest("drill", drill, strategy, number),
        policy=POLICY,
        rule="drill",
        severity="urgent",
        strategy=strategy,
        subject="drill",
        event_time=at,
        session=session,
        sample_size=0,
        window=(at, at),
        evidence={"drill": drill, "number": number},
        suggested_action="none: this is a drill",
        message=f"DRILL {drill}, alert {number + 1}: a simulated fault of {strategy}",
    )


def drill_of(alert: Alert) -> str:
    """Return the drill that an alert belongs to, "" for a real one."""
    name = alert.evidence.get("drill") if alert.policy == POLICY else None
    return name if isinstance(name, str) else ""


def rehearse(
    drill: str,
    strategy: str,
    *,
    events: Sequence[ControlEvent],
    registered: frozenset[ModelRef],
    policy: GuardPolicy,
    state: GuardState,
    at: int,
) -> Iterator[Rehearsal]:
    """Yield what the guard would do, alert by alert, until it has no step left; each step is taken as done.

    ``events``: valid control events in the order of effect. ``state``: what is remembered before, veto included.
    """
    done = list(events)
    policy = replace(policy, mode="act" if policy.mode == "off" else policy.mode)
    for number in range(len(policy.ladder) + 1):
        alert = drill_alert(drill, strategy, number, at, policy)
        answer = decide(alert, state, policy, in_force(done, registered), Moment(at=at, published=at))
        if isinstance(answer, Refusal):
            yield Rehearsal(alert=alert, answer=answer, event=None)
            return
        event = replace(control_event(answer, alert, at), control_offset=len(done))
        yield Rehearsal(alert=alert, answer=answer, event=event)
        done.append(event)
        step = PastStep(session=alert.session, rung=answer.effect.rung, replaced=answer.effect.replaces)
        state = replace(state, steps=(*state.steps, step), alerts=(*state.alerts, alert.session))
