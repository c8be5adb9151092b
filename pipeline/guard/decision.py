"""The decision about one alert: the next rung of the ladder, or why there is none."""

from dataclasses import dataclass

from pipeline.deployments import ModelRef
from pipeline.guard.policy import GuardPolicy
from pipeline.guard.rungs import RULES, Effect, Situation
from pipeline.guard.state import GuardState, InForce, PastStep
from schemas.alerts import Alert
from schemas.intervals import SECOND


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """The step to take. ``passed_over``: (rung, reason) of gentler rungs that can't be taken now."""

    effect: Effect
    passed_over: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """No step. ``code`` is one word for counting; ``recorded``: the alert was severe enough to be worth a record."""

    code: str
    reason: str
    recorded: bool = True
    passed_over: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """``at``: when it is decided, ``published``: when the alert came onto its topic (ns UTC)."""

    at: int
    published: int


def decide(alert: Alert, state: GuardState, policy: GuardPolicy, now: InForce, moment: Moment) -> Step | Refusal:
    """Return what is to be done about an alert.

    1. What is no alert for the guard: switched off, too mild, of a policy that says nothing about models.
    2. What there is nothing to do about: no such strategy, another model than the live one, too old, already paused.
    3. What an operator or a limit forbids: veto, an alert older than the last step (so that a backlog is not a fall
       down the ladder), steps in this session, cool-down.
    4. The rungs behind the last one taken in this trouble, gentlest first: the first that can be taken.
    """
    if (refusal := irrelevant(alert, policy)) is not None:  # 1.
        return refusal
    refusal = _pointless(alert, policy, now, moment) or _forbidden(alert, state, policy, moment)  # 2. 3.
    return refusal or _climb(alert, state, policy, now)  # 4.


def irrelevant(alert: Alert, policy: GuardPolicy) -> Refusal | None:
    """Return why an alert is none for the guard, whatever is in force; None if it may be one."""
    if policy.mode == "off":
        return Refusal(code="off", reason="the guard is switched off (guard.mode)", recorded=False)
    if alert.policy in policy.ignored_policies:
        why = f"alerts of policy {alert.policy} are no statement about a model"
        return Refusal(code="ignored", reason=why, recorded=False)
    if not policy.counts(alert.severity):
        return Refusal(code="mild", reason=f"{alert.severity} is below {policy.severity}", recorded=False)
    return None


def _pointless(alert: Alert, policy: GuardPolicy, now: InForce, moment: Moment) -> Refusal | None:
    live = now.live(alert.strategy)
    if live is None:
        known = ", ".join(sorted(now.successions)) or "none"
        why = f"no model was ever live for strategy {alert.strategy!r}; there are: {known}"
        return Refusal(code="unknown_strategy", reason=why)
    about = model_of(alert.subject)
    if about is not None and about != (live, "live"):
        why = f"the alert is about {about[0]} as {about[1]}, and {live} is live for {alert.strategy}"
        return Refusal(code="not_live", reason=why)
    age = (moment.at - moment.published) / SECOND
    if age > policy.max_age_s:
        why = f"the alert was published {age / 3_600:.1f} h ago, over {policy.max_age_s / 3_600:.1f} h"
        return Refusal(code="too_old", reason=why)
    if now.paused(alert.strategy):
        return Refusal(code="paused", reason=f"strategy {alert.strategy} is paused already")
    return None


def _forbidden(alert: Alert, state: GuardState, policy: GuardPolicy, moment: Moment) -> Refusal | None:
    veto = state.veto
    if veto is not None and veto.active(moment.at):
        return Refusal(code="vetoed", reason=f"veto of {veto.by_whom}: {veto.reason}")
    last = max((step.taken_at for step in state.steps if step.taken_at is not None), default=None)
    if last is not None and moment.published <= last:
        why = "it was published before the last step was taken, and says nothing of what that changed"
        return Refusal(code="overtaken", reason=why)
    today = sum(step.session == alert.session for step in state.steps)
    if today >= policy.steps_per_session:
        why = f"{today} of {policy.steps_per_session} automatic steps of session {alert.session} are taken"
        return Refusal(code="session_limit", reason=why)
    newest = max((step.session for step in state.steps), default=None)
    if newest is not None and alert.session - newest < policy.cooldown_sessions:
        left = policy.cooldown_sessions - (alert.session - newest)
        why = f"the step of session {newest} stands for {policy.cooldown_sessions} sessions, {left} more"
        return Refusal(code="cool_down", reason=why)
    return None


def _climb(alert: Alert, state: GuardState, policy: GuardPolicy, now: InForce) -> Step | Refusal:
    taken = state.since_quiet(alert.session, policy.reset_sessions)
    out = frozenset(step.replaced for step in taken if step.replaced is not None)
    situation = Situation(strategy=alert.strategy, now=now, policy=policy, out=out)
    passed_over: list[tuple[str, str]] = []
    for rung in policy.ladder[_next_rung(taken, policy) :]:
        found = RULES[rung](situation)
        if isinstance(found, Effect):
            reason = f"{alert.rule} ({alert.severity}) on {alert.subject}"
            return Step(effect=found, passed_over=tuple(passed_over), reason=reason)
        passed_over.append((rung, found))
    why = "; ".join(f"{rung}: {reason}" for rung, reason in passed_over) or "every rung of the ladder is taken"
    return Refusal(code="exhausted", reason=why, passed_over=tuple(passed_over))


def _next_rung(taken: tuple[PastStep, ...], policy: GuardPolicy) -> int:
    return max((policy.ladder.index(step.rung) + 1 for step in taken if step.rung in policy.ladder), default=0)


def model_of(subject: str) -> tuple[ModelRef, str] | None:
    """Return the model and its role that a subject names, None for a subject that names none.

    >>> model_of("score/ridge:3/1d/5/live")
    (ModelRef(name='ridge', version=3), 'live')
    >>> model_of("features")
    """
    kind, _, rest = subject.partition("/")
    parts = rest.rsplit("/", 3)
    if kind != "score" or len(parts) < 4:
        return None
    name, _, version = parts[0].rpartition(":")
    if not name or not version.isdecimal() or not version.isascii():
        return None
    return ModelRef(name=name, version=int(version)), parts[3]
