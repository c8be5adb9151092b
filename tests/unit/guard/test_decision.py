"""The guard's decision: what is no alert for it, what forbids a step, and which rung is next."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.control_checks import refusal
from pipeline.deployments import ModelRef, Scope
from pipeline.guard.decision import Moment, Refusal, Step, decide, model_of
from pipeline.guard.event import control_event, event_id_of, is_guarded
from pipeline.guard.policy import RUNGS, GuardPolicy
from pipeline.guard.recheck import outdated
from pipeline.guard.state import GuardState, InForce, PastStep, Veto, in_force
from schemas.control import control_fault
from schemas.intervals import SECOND
from tests.support.guard_facts import (
    AT,
    LIVE,
    MOMENT,
    OLD,
    POLICY,
    REGISTERED,
    SAFE,
    SESSION,
    TWO_MODELS,
    alert,
    control,
    now,
)


def taken(*rungs: str, session: int = SESSION - 3, replaced: ModelRef | None = None) -> GuardState:
    """Steps that were taken in one session; the last one took ``replaced`` out."""
    steps = [PastStep(session=session, rung=rung) for rung in rungs]
    if replaced is not None:
        steps[-1] = replace(steps[-1], replaced=replaced)
    return GuardState(steps=tuple(steps), alerts=(session,))


def step(state: GuardState, there: InForce, policy: GuardPolicy = POLICY) -> Step:
    answer = decide(alert(), state, policy, there, MOMENT)
    assert isinstance(answer, Step), answer
    return answer


@pytest.mark.parametrize(
    ("code", "fields", "policy", "recorded"),
    [
        ("off", {}, {"mode": "off"}, False),
        ("mild", {"severity": "warning"}, {}, False),
        ("mild", {"severity": "severe"}, {"severity": "urgent"}, False),
        ("ignored", {"policy": "operations"}, {}, False),
        ("unknown_strategy", {"strategy": "beta"}, {}, True),
        ("unknown_strategy", {"strategy": ""}, {}, True),
        # about a model that isn't live (any more), or about an experiment's arm
        ("not_live", {"subject": "score/ridge:1/1d/5/live"}, {}, True),
        ("not_live", {"subject": "score/ridge:2/1d/5/arm"}, {}, True),
    ],
)
def test_what_is_no_alert_for_the_guard(code: str, fields: Any, policy: Any, recorded: bool) -> None:
    answer = decide(alert(**fields), GuardState(), replace(POLICY, **policy), now(), MOMENT)
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.recorded) == (code, recorded)


def test_a_refusal_about_an_unknown_strategy_names_those_that_there_are() -> None:
    answer = decide(alert(strategy="beta"), GuardState(), POLICY, now(), MOMENT)
    assert "'beta'; there are: alpha" in answer.reason


@pytest.mark.parametrize(("later_s", "code"), [(-60, "overtaken"), (0, "overtaken"), (1, "")])
def test_a_backlog_is_no_fall_down_the_ladder(later_s: int, code: str) -> None:
    """After an outage: an alert that lay there when the last step was taken says nothing of what that changed."""
    (before,) = taken("derisk").steps
    state = GuardState(steps=(replace(before, taken_at=AT - 100 * SECOND),), alerts=(before.session,))
    answer = decide(alert(), state, POLICY, now(), Moment(at=AT, published=AT + (later_s - 100) * SECOND))
    assert (answer.code if isinstance(answer, Refusal) else "") == code


@pytest.mark.parametrize(("age_s", "acts"), [(0, True), (86_400, True), (86_401, False), (-60, True)])
def test_an_old_alert_is_not_acted_on(age_s: int, acts: bool) -> None:
    moment = Moment(at=AT, published=AT - age_s * SECOND)
    answer = decide(alert(), GuardState(), POLICY, now(), moment)
    assert isinstance(answer, Step) == acts
    assert acts or (isinstance(answer, Refusal) and answer.code == "too_old")


@pytest.mark.parametrize(
    ("distance", "code"),
    [
        (-1, "cool_down"),  # an alert of an earlier session, heard late
        (0, "session_limit"),
        (1, "cool_down"),
        (2, "cool_down"),
        (3, ""),  # exactly the cool-down
        (4, ""),
    ],
)
def test_cool_down(distance: int, code: str) -> None:
    answer = decide(alert(), taken("derisk", session=SESSION - distance), POLICY, now(), MOMENT)
    assert (answer.code if isinstance(answer, Refusal) else "") == code


def test_a_second_step_in_a_session_where_that_is_allowed() -> None:
    policy = replace(POLICY, cooldown_sessions=0, steps_per_session=2)
    assert step(taken("derisk", session=SESSION), now(), policy).effect.rung == "fallback"
    answer = decide(alert(), taken("derisk", "fallback", session=SESSION), policy, now(), MOMENT)
    assert isinstance(answer, Refusal)
    assert answer.code == "session_limit"


@pytest.mark.parametrize(("until", "holds"), [(None, True), (AT + 1, True), (AT, False), (AT - 1, False)])
def test_a_veto_holds_until_its_end(until: int | None, holds: bool) -> None:
    veto = Veto(strategy="alpha", reason="data repair under way", by_whom="ops", until=until)
    answer = decide(alert(), GuardState(veto=veto), POLICY, now(), MOMENT)
    assert isinstance(answer, Refusal) == holds
    if isinstance(answer, Refusal):
        assert (answer.code, answer.reason) == ("vetoed", "veto of ops: data repair under way")


def test_a_paused_strategy_needs_no_step() -> None:
    there = now(*TWO_MODELS, ("pause", None))
    answer = decide(alert(), GuardState(), POLICY, there, MOMENT)
    assert isinstance(answer, Refusal)
    assert answer.code == "paused"
    resumed = now(*TWO_MODELS, ("pause", None), ("resume", None))
    assert isinstance(decide(alert(), GuardState(), POLICY, resumed, MOMENT), Step)


@pytest.mark.parametrize(
    ("done", "quiet", "rung"),
    [
        ((), 0, "derisk"),
        (("derisk",), 3, "fallback"),
        (("derisk", "fallback"), 3, "rollback"),
        (("derisk", "fallback", "rollback"), 3, "pause"),
        (("derisk",), 20, "fallback"),  # exactly reset_sessions: still the same trouble
        (("derisk",), 21, "derisk"),  # more quiet sessions than that: a new one
        (("fallback",), 3, "rollback"),  # gentler rungs don't come back
    ],
)
def test_the_next_rung(done: tuple[str, ...], quiet: int, rung: str) -> None:
    state = taken(*done, session=SESSION - quiet) if done else GuardState()
    assert step(state, now()).effect.rung == rung


def test_alerts_without_a_step_keep_the_trouble_going() -> None:
    """Steps end a trouble by age alone only where nothing was heard of it in between."""
    state = taken("derisk", session=SESSION - 30)
    assert step(state, now()).effect.rung == "derisk"
    assert step(replace(state, alerts=(SESSION - 30, SESSION - 12)), now()).effect.rung == "fallback"


def test_an_exhausted_ladder_says_so() -> None:
    answer = decide(alert(), taken(*RUNGS), POLICY, now(), MOMENT)
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.reason) == ("exhausted", "every rung of the ladder is taken")


def test_derisk_halves_what_is_in_force() -> None:
    assert step(GuardState(), now()).effect.parameters == {"scale": 0.5}
    assert step(GuardState(), now(*TWO_MODELS, ("position_scale", 0.6))).effect.parameters == {"scale": 0.3}
    events = control(*TWO_MODELS)
    everything = replace(events[0], action="position_scale", strategy="", model="", model_version=0,
                         parameters={"scale": 0.8}, control_offset=2)  # fmt: skip
    assert step(GuardState(), in_force([*events, everything], REGISTERED)).effect.parameters == {"scale": 0.4}
    other = replace(everything, strategy="beta")
    assert step(GuardState(), in_force([*events, other], REGISTERED)).effect.parameters == {"scale": 0.5}


def test_derisk_raises_no_symbols_position() -> None:
    events = control(*TWO_MODELS)
    of_symbol = replace(events[0], action="position_scale", model="", model_version=0, symbols=("A",),
                        parameters={"scale": 0.4}, control_offset=2)  # fmt: skip
    there = in_force([*events, of_symbol], REGISTERED)
    effect = step(GuardState(), there).effect
    assert effect.parameters == {"scale": 0.2}
    event = replace(control_event(step(GuardState(), there), alert(), AT), control_offset=3)
    after = in_force([*events, of_symbol, event], REGISTERED).deployments
    before = there.deployments
    assert (after.scale("alpha", ("A", "B")) <= before.scale("alpha", ("A", "B")) / 2).all()
    assert after.scales == ((Scope(strategy="alpha"), 0.2),)


@pytest.mark.parametrize(("scale", "why"), [(0.1, "below the minimum of 0.1"), (0.0, "is 0 already")])
def test_what_can_not_be_halved_is_passed_over(scale: float, why: str) -> None:
    answer = step(GuardState(), now(*TWO_MODELS, ("position_scale", scale)))
    assert answer.effect.rung == "fallback"
    ((rung, reason),) = answer.passed_over
    assert rung == "derisk"
    assert why in reason


def test_fallback_takes_the_named_model() -> None:
    effect = step(taken("derisk"), now()).effect
    assert (effect.action, effect.model, effect.replaces) == ("activate", SAFE, LIVE)


@pytest.mark.parametrize(
    ("fallbacks", "registered", "why"),
    [
        ({}, REGISTERED, "no fallback model is set for alpha"),
        ({"alpha": LIVE}, REGISTERED, "is live already"),
        ({"alpha": SAFE}, frozenset({OLD, LIVE}), "is not registered, or was removed"),
    ],
)
def test_without_a_fit_fallback_it_is_a_rollback(fallbacks: Any, registered: Any, why: str) -> None:
    there = in_force(control(*TWO_MODELS), registered)
    answer = step(taken("derisk"), there, replace(POLICY, fallbacks=fallbacks))
    assert (answer.effect.action, answer.effect.model, answer.effect.replaces) == ("rollback", OLD, LIVE)
    assert why in answer.passed_over[0][1]


def test_what_can_not_be_loaded_is_passed_over() -> None:
    there = replace(now(), unloadable={SAFE: "instance 0: the file was changed", OLD: "instance 0: no such file"})
    answer = step(taken("derisk"), there)
    assert answer.effect.rung == "pause"
    assert [rung for rung, _ in answer.passed_over] == ["fallback", "rollback"]
    assert "the file was changed" in answer.passed_over[0][1]


def test_after_the_fallback_a_rollback_passes_the_model_that_was_taken_out() -> None:
    """The fallback stands before the live model in the line now; going back one would bring the failing one back."""
    there = now(*TWO_MODELS, ("activate", SAFE))
    state = taken("derisk", "fallback", replaced=LIVE)
    answer = decide(alert(subject="score/ridge:9/1d/5/live"), state, POLICY, there, MOMENT)
    assert isinstance(answer, Step)
    assert (answer.effect.rung, answer.effect.model, answer.effect.replaces) == ("rollback", OLD, SAFE)


def test_nothing_to_roll_back_to_is_recorded_and_the_next_rung_taken() -> None:
    there = now(("activate", LIVE))
    answer = step(taken("derisk", "fallback"), there)
    assert answer.effect.rung == "pause"
    assert answer.passed_over == (("rollback", "nothing to roll back to, ridge:2 is the first model"),)


def test_a_step_becomes_an_event_that_services_obey() -> None:
    for done in range(len(RUNGS)):
        answer = step(taken(*RUNGS[:done]) if done else GuardState(), now())
        one = control_event(answer, alert(), AT)
        assert (refusal(one), control_fault(one)) == ("", "")
        assert (one.event_id, one.cause, one.strategy) == (event_id_of("a20000"), "alert a20000", "alpha")
        assert is_guarded(one)
        assert answer.effect.rung in one.reason
        assert "mean_ic_fell (severe)" in one.reason
    assert event_id_of("a20000") != event_id_of("a20001")


@pytest.mark.parametrize(
    ("state", "meanwhile", "why"),
    [
        (GuardState(), (), ""),
        (GuardState(), (("position_scale", 0.5),), "position_scale is 0.5 by now"),
        (GuardState(), (("position_scale", 0.8),), ""),
        (taken("derisk"), (), ""),
        (taken("derisk"), (("rollback", OLD),), "ridge:1 has become live meanwhile"),
        (taken("derisk", "fallback", "rollback"), (("pause", None),), "paused by now"),
    ],
)
def test_a_persons_decision_in_between_stands(state: GuardState, meanwhile: Any, why: str) -> None:
    answer = step(state, now())
    event = control_event(answer, alert(), AT)
    there = now(*TWO_MODELS, *meanwhile)
    found = outdated(event, answer.effect.replaces, there, None, AT, max_age_s=3_600.0)
    assert why in found
    assert bool(found) == bool(why)
    veto = Veto(strategy="alpha", reason="stop", by_whom="ops")
    assert (
        outdated(event, answer.effect.replaces, there, veto, AT, max_age_s=3_600.0) == "vetoed meanwhile by ops: stop"
    )


def test_a_step_that_could_not_be_written_for_long_is_void() -> None:
    answer = step(GuardState(), now())
    event = control_event(answer, alert(), AT)
    in_time, late = AT + 3_600 * SECOND, AT + 3_601 * SECOND
    assert outdated(event, None, now(), None, in_time, max_age_s=3_600.0) == ""
    assert "not written since" in outdated(event, None, now(), None, late, max_age_s=3_600.0)


@pytest.mark.parametrize(
    ("subject", "model"),
    [
        ("score/a/b:c:12/1d/5/live", (ModelRef(name="a/b:c", version=12), "live")),
        ("score/ridge:x/1d/5/live", None),
        ("score/ridge:²/1d/5/live", None),
        ("score/1d/5/live", None),
        ("features/core:1/1d", None),
        ("", None),
    ],
)
def test_which_model_a_subject_names(subject: str, model: Any) -> None:
    assert model_of(subject) == model


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"mode": "on"}, "mode must be one of off, dry_run, act"),
        ({"severity": "fatal"}, "severity must be one of"),
        ({"ladder": ()}, "ladder must hold some of"),
        ({"ladder": ("pause", "pause")}, "each once"),
        ({"ladder": ("sell",)}, "ladder must hold some of"),
        ({"cooldown_sessions": 20}, "must be over cooldown_sessions"),
    ],
)
def test_a_policy_that_can_not_be(fields: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        GuardPolicy(**fields)
