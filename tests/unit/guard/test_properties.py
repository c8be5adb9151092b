"""What holds for the guard whatever comes: limits are kept, and no automatic step puts more at risk."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.guard.decision import Refusal, Step, decide
from pipeline.guard.drill import drill_alert, drill_of, rehearse
from pipeline.guard.event import control_event
from pipeline.guard.policy import RUNGS, GuardPolicy
from pipeline.guard.state import GuardState, PastStep, in_force
from tests.support.guard_facts import AT, MOMENT, POLICY, REGISTERED, SAFE, SESSION, TWO_MODELS, alert, control

_policies = st.builds(
    lambda cool, more, steps, ladder: GuardPolicy(
        mode="act", cooldown_sessions=cool, reset_sessions=cool + more, steps_per_session=steps,
        ladder=tuple(rung for rung in RUNGS if rung in ladder), fallbacks={"alpha": SAFE},
    ),
    st.integers(0, 5), st.integers(1, 10), st.integers(1, 3), st.sets(st.sampled_from(RUNGS), min_size=1),
)  # fmt: skip


@given(policy=_policies, gaps=st.lists(st.integers(0, 12), max_size=40))
def test_limits_hold_over_any_run_of_alerts(policy: GuardPolicy, gaps: list[int]) -> None:
    """The steps' effects are carried out, as if each acted at once; alerts name no model, so that all count."""
    events, state, session = control(*TWO_MODELS), GuardState(), SESSION
    for number, gap in enumerate(gaps):
        session += gap
        one = alert(session, alert_id=str(number), subject="features")
        before = in_force(events, REGISTERED)
        answer = decide(one, state, policy, before, MOMENT)
        state = replace(state, alerts=(*state.alerts, session))
        if isinstance(answer, Refusal):
            continue
        events.append(replace(control_event(answer, one, AT), control_offset=len(events)))
        after = in_force(events, REGISTERED)
        assert (after.deployments.scale("alpha", ("A",)) <= before.deployments.scale("alpha", ("A",))).all()
        assert answer.effect.model is None or after.live("alpha") == answer.effect.model != before.live("alpha")
        done = PastStep(session=session, rung=answer.effect.rung, replaced=answer.effect.replaces)
        state = replace(state, steps=(*state.steps, done))
    sessions = [one.session for one in state.steps]
    assert all(sessions.count(one) <= policy.steps_per_session for one in sessions)
    apart = [later - earlier for earlier, later in pairwise(sessions)]
    assert all(one >= policy.cooldown_sessions for one in apart)
    for earlier, later in pairwise(state.steps):
        climbs = policy.ladder.index(later.rung) > policy.ladder.index(earlier.rung)
        assert climbs or later.session - earlier.session > policy.reset_sessions


@given(policy=_policies)
def test_a_rehearsal_climbs_the_ladder_once_and_ends(policy: GuardPolicy) -> None:
    told = list(
        rehearse(
            "d1", "alpha", events=control(*TWO_MODELS), registered=REGISTERED, policy=policy, state=GuardState(), at=AT
        )
    )
    rungs = [one.answer.effect.rung for one in told if isinstance(one.answer, Step)]
    assert tuple(rungs) == policy.ladder
    assert isinstance(told[-1].answer, Refusal)
    assert len({one.alert.alert_id for one in told}) == len(told)


def test_a_drills_alerts_are_marked_and_others_are_not() -> None:
    one = drill_alert("d1", "alpha", 2, AT, POLICY)
    assert drill_of(one) == "d1"
    assert one.message.startswith("DRILL d1")
    assert drill_of(alert(evidence={"drill": "d1"})) == ""
    assert drill_of(replace(one, evidence={"drill": 7})) == ""
