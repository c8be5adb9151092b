"""Control on one partition: from when an event acts, what is in force, what is forgotten, what is refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.control import ControlEventMissing, ControlState
from pipeline.deployments import ModelRef, experiment_of
from schemas.control import ControlEvent


def event(action: str, offset: int, *, at: int = 0, **fields: object) -> ControlEvent:
    named = {"event_id": f"e{offset}", "issued_at": 0, "issued_by": "test", "control_offset": offset, **fields}
    return ControlEvent(action=action, effective_from=at, **named)  # type: ignore[arg-type]


def activate(offset: int, version: int, *, at: int = 0) -> ControlEvent:
    return event("activate", offset, at=at, strategy="s", model="m", model_version=version)


def experiment(offset: int, arm: int = 9, *, at: int = 0, **parameters: object) -> ControlEvent:
    terms = {"experiment": "x", "ratio": 0.5, **parameters}
    return event("experiment", offset, at=at, strategy="s", model="m", model_version=arm, parameters=terms)


def running(state: ControlState, time: int) -> str | None:
    """The experiment of strategy s and its arm's version at a bar time."""
    found = [one.experiment for one in state.in_force(time).strategies if one.name == "s" and one.experiment]
    return f"{found[0].name}/{found[0].arm.version}" if found else None


def live(state: ControlState, time: int) -> int | None:
    strategies = state.in_force(time).strategies
    return strategies[0].live.version if strategies and strategies[0].live else None


def test_acts_just_beyond_the_head_by_default() -> None:
    state = ControlState()
    applied = state.receive(activate(0, 1), head=100)
    assert (applied.effective_p, applied.late) == (101, False)
    assert [live(state, time) for time in (100, 101)] == [None, 1]


def test_acts_at_once_on_a_partition_without_bars() -> None:
    state = ControlState()
    assert state.receive(activate(0, 1), head=None).effective_p == 0
    assert live(state, 1) == 1


@pytest.mark.parametrize(
    ("asked", "head", "effective", "late"),
    [(200, 100, 200, False), (101, 100, 101, False), (100, 100, 101, True), (50, 100, 101, True)],
)
def test_lead_and_lost_race(asked: int, head: int, effective: int, late: bool) -> None:
    applied = ControlState().receive(activate(0, 1, at=asked), head=head)
    assert (applied.effective_p, applied.late) == (effective, late)


def test_same_effective_time_goes_by_control_offset() -> None:
    state = ControlState()
    state.receive(activate(0, 1, at=200), head=100)
    state.receive(activate(1, 2, at=200), head=100)
    assert live(state, 200) == 2


def test_later_event_with_earlier_time_does_not_win() -> None:
    state = ControlState()
    state.receive(activate(0, 1, at=300), head=100)
    state.receive(activate(1, 2, at=200), head=100)
    assert [live(state, time) for time in (199, 200, 299, 300)] == [None, 2, 2, 1]


def test_received_twice_counts_once() -> None:
    state = ControlState()
    state.receive(activate(0, 1), head=100)
    assert state.receive(activate(0, 1), head=500).repeated
    assert state.kept() == ((0, 101),)


def test_rollback_is_the_same_event_towards_an_older_version() -> None:
    state = ControlState()
    state.receive(activate(0, 2), head=100)
    state.receive(replace(activate(1, 1), action="rollback"), head=110)
    assert [live(state, time) for time in (110, 111)] == [2, 1]


def test_superseded_events_are_forgotten_once_settled() -> None:
    state = ControlState()
    state.receive(activate(0, 1), head=100, floor=90)
    state.receive(activate(1, 2), head=110, floor=90)
    assert len(state.kept()) == 2  # bars from 91 to 110 may still come: version 1 is theirs
    state.receive(activate(2, 3), head=120, floor=115)
    assert state.kept() == ((1, 111), (2, 121))


def test_pause_and_resume_leave_nothing() -> None:
    state = ControlState()
    state.receive(event("pause", 0, strategy="s"), head=100, floor=100)
    state.receive(event("resume", 1), head=110, floor=110)
    state.receive(activate(2, 1), head=120, floor=120)
    assert state.kept() == ((2, 121),)
    assert state.received == 2


def test_resume_of_one_strategy_leaves_the_pause_of_all() -> None:
    state = ControlState()
    state.receive(event("pause", 0), head=100)
    state.receive(event("resume", 1, strategy="s"), head=100)
    assert state.in_force(101).paused("s", ("A", "B")).all()


def test_scales_by_symbol() -> None:
    state = ControlState()
    state.receive(event("position_scale", 0, strategy="s", parameters={"scale": 0.5}), head=100)
    state.receive(event("position_scale", 1, symbols=("B",), parameters={"scale": 0}), head=100)
    assert state.in_force(101).scale("s", ("A", "B")).tolist() == [0.5, 0.0]
    assert state.in_force(101).scale("t", ("A", "B")).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (event("dance", 0), "not known"),
        (event("activate", 0, strategy="s"), "must name a strategy, a model"),
        (event("activate", 0, strategy="s", model="m", model_version=1, symbols=("A",)), "name none"),
        (event("position_scale", 0), "needs the parameter scale"),
        (event("position_scale", 0, parameters={"scale": float("nan")}), "needs the parameter scale"),
        (event("parameters", 0, strategy="s", parameters={"emit": "on_change"}), "does not know emit"),
        (event("parameters", 0, parameters={"emit": "never"}), "emit can't be 'never'"),
        (event("parameters", 0, parameters={"dedup_window_ns": -1}), "can't be -1"),
        (event("parameters", 0, strategy="s", parameters={"long": 0.1, "short": 0.2}), "must not exceed"),
        (event("parameters", 0, strategy="s", parameters={"directions": ["up"]}), "can't be"),
        (event("unshadow", 0, strategy="s"), "must name"),
        (event("experiment", 0), "must name a strategy"),
        (experiment(0, ratio=0.0), "ratio must be a number between 0 and 1"),
        (experiment(0, ratio=1), "ratio must be a number between 0 and 1"),
        (experiment(0, ratio="half"), "ratio must be a number"),
        (experiment(0, experiment=""), "needs a name"),
        (experiment(0, experiment=7), "needs a name"),
        (experiment(0, stop="yes"), "stop can't be 'yes'"),
        (experiment(0, ratoi=0.2), "does not know ratoi"),
        (experiment(0, capital={"arm": 0.5}), "must give control and arm"),
        (experiment(0, capital={"arm": -0.5, "control": 0.5}), "must give control and arm"),
        (experiment(0, capital={"arm": 0.6, "control": 0.5}), "more than all of the capital"),
        (replace(experiment(0), symbols=("A",)), "no symbols"),
        (replace(experiment(0), model_version=0), "must name the arm's model"),
    ],
)
def test_refused_events_have_no_effect_and_say_why(bad: ControlEvent, why: str) -> None:
    state = ControlState()
    assert why in state.receive(bad, head=100).refused
    assert (state.received, state.kept()) == (0, ())


def test_two_versions_of_one_model_shadow_side_by_side() -> None:
    state = ControlState()
    for offset, version in enumerate((1, 3, 2)):
        state.receive(event("shadow", offset, strategy="s", model="m", model_version=version), head=100)
    assert [ref.version for ref in state.in_force(101).strategies[0].shadows] == [1, 2, 3]
    state.receive(event("unshadow", 3, strategy="s", model="m", model_version=2), head=110)
    assert [ref.version for ref in state.in_force(111).strategies[0].shadows] == [1, 3]
    state.receive(event("unshadow", 4, strategy="s", model="m"), head=120)
    assert state.in_force(121).strategies == ()


def test_shadows_that_were_stopped_leave_nothing() -> None:
    state = ControlState()
    for offset, version in enumerate((1, 2)):
        state.receive(event("shadow", offset, strategy="s", model="m", model_version=version), head=100, floor=100)
    state.receive(event("unshadow", 2, strategy="s", model="m", model_version=1), head=110, floor=110)
    state.receive(activate(3, 1), head=120, floor=120)
    assert state.kept() == ((1, 101), (3, 121))


def test_experiment_runs_from_its_start_to_its_stop() -> None:
    state = ControlState()
    state.receive(activate(0, 1), head=100)
    state.receive(experiment(1), head=110)
    state.receive(experiment(2, stop=True, experiment="another"), head=120)
    state.receive(experiment(3, stop=True), head=130)
    assert [running(state, time) for time in (110, 111, 130, 131)] == [None, "x/9", "x/9", None]
    assert live(state, 131) == 1


def test_promotion_and_rollback_end_an_experiment() -> None:
    """Whatever model they name: it serves every symbol from then on, in one event."""
    for action in ("activate", "rollback"):
        state = ControlState()
        state.receive(activate(0, 1), head=100)
        state.receive(experiment(1), head=110)
        state.receive(replace(activate(2, 9), action=action), head=120)
        assert [(live(state, time), running(state, time)) for time in (120, 121)] == [(1, "x/9"), (9, None)]


def test_a_second_experiment_takes_the_place_of_the_first() -> None:
    state = ControlState()
    state.receive(activate(0, 1), head=100)
    state.receive(experiment(1), head=110, floor=110)
    state.receive(experiment(2, arm=8, experiment="y"), head=120, floor=120)
    state.receive(event("pause", 3), head=125, floor=125)
    assert state.kept() == ((0, 101), (2, 121), (3, 126))
    state.receive(experiment(4, stop=True), head=130, floor=130)  # of the first: it has ended already
    assert running(state, 131) == "y/8"
    state.receive(event("resume", 5), head=140, floor=140)
    state.receive(activate(6, 2), head=150, floor=150)
    state.receive(event("pause", 7), head=160, floor=160)
    assert state.kept() == ((6, 151), (7, 161)), "a promotion leaves nothing of an experiment"


def test_a_replaced_experiment_stays_ended_after_its_successor_is_stopped() -> None:
    """Y takes X's place before Y's start is settled, then Y is stopped: whatever is forgotten, X must not come back."""
    state = ControlState()
    state.receive(activate(0, 1), head=100, floor=90)
    state.receive(experiment(1), head=200, floor=190)
    state.receive(experiment(2, arm=8, experiment="y"), head=300, floor=290)
    state.receive(experiment(3, arm=8, experiment="y", stop=True), head=350, floor=295)
    assert [running(state, time) for time in (300, 301, 351)] == ["x/9", "y/8", None]
    state.receive(event("pause", 4, strategy="t"), head=400, floor=400)
    assert (live(state, 401), running(state, 401)) == (1, None)
    assert state.kept() == ((0, 101), (4, 401))


def test_experiment_without_a_live_model_has_no_effect() -> None:
    state = ControlState()
    state.receive(experiment(0), head=100)
    assert state.in_force(101).strategies == ()
    state.receive(activate(1, 1), head=110)
    assert (live(state, 111), running(state, 111)) == (1, None)


@pytest.mark.parametrize(
    ("ratio", "capital", "control", "arm"),
    [
        (0.5, {"control": 0.5, "arm": 0.5}, 1.0, 1.0),  # each side has the capital of its symbols
        (0.2, None, 1.0, 1.0),
        (0.5, {"control": 0.9, "arm": 0.1}, 1.0, 0.2),  # never beyond a full position
        (0.2, {"control": 0.4, "arm": 0.1}, 0.5, 0.5),
        (0.5, {"control": 1.0, "arm": 0}, 1.0, 0.0),
    ],
)
def test_capital_becomes_position_scale(ratio: float, capital: object, control: float, arm: float) -> None:
    given = {} if capital is None else {"capital": capital}
    assert experiment_of(experiment(0, ratio=ratio, **given)).scales == pytest.approx((control, arm))


actions = st.sampled_from(
    ["activate", "pause", "resume", "shadow", "unshadow", "parameters", "position_scale", "experiment"]
)


@st.composite
def experiment_histories(draw: st.DrawFn) -> list[tuple[ControlEvent, int]]:
    """The same for one strategy with a live model: experiments that replace, outlast and stop one another."""
    found, head = [(activate(0, 1), 100)], 100
    for offset in range(1, draw(st.integers(4, 12))):
        head += draw(st.integers(0, 12))
        at = draw(st.sampled_from([0, 0, head + 5]))
        kind = draw(st.sampled_from(["start", "start", "stop", "stop", "other", "activate"]))
        if kind == "other":
            sent = event("pause", offset, strategy="t")
        elif kind == "activate":
            sent = activate(offset, draw(st.integers(1, 2)), at=at)
        else:
            name, arm = draw(st.sampled_from([("x", 7), ("y", 8), ("z", 9)]))
            sent = experiment(offset, arm, at=at, experiment=name, stop=kind == "stop")
        found.append((sent, head))
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[ControlEvent, int]]:
    """Events with the head before each, in log order."""
    found, head = [], 100
    for offset in range(draw(st.integers(1, 12))):
        head += draw(st.integers(0, 10))
        action = draw(actions)
        fields: dict[str, object] = {"strategy": draw(st.sampled_from(["s", "t"]))}
        if action in ("activate", "shadow", "unshadow", "experiment"):
            lowest = 0 if action == "unshadow" else 1
            fields |= {"model": draw(st.sampled_from(["m", "n"])), "model_version": draw(st.integers(lowest, 3))}
        elif action not in ("parameters", "experiment"):
            fields |= {"symbols": draw(st.sampled_from([(), ("A",), ("A", "B")]))}
            fields["strategy"] = draw(st.sampled_from(["", "s", "t"]))
        if action == "parameters":
            fields["parameters"] = draw(st.sampled_from([{"long": 0.1}, {"short": -0.1}, {"long": 0.2, "short": -0.2}]))
        if action == "experiment":
            terms = {"experiment": draw(st.sampled_from(["x", "y"])), "ratio": draw(st.sampled_from([0.25, 0.5]))}
            fields["parameters"] = {**terms, "stop": draw(st.booleans())}
        if action == "position_scale":
            fields["parameters"] = {"scale": draw(st.sampled_from([0.0, 0.5, 1.0]))}
        found.append((event(action, offset, at=draw(st.sampled_from([0, head + 5, head + 20])), **fields), head))
    return found


@given(history=histories())
@settings(max_examples=120, deadline=None)
def test_forgetting_changes_nothing_for_bars_still_to_come(history: list[tuple[ControlEvent, int]]) -> None:
    """Against a state that never forgets (no watermark yet), for all bars above the watermark."""
    forgetful, complete = ControlState(), ControlState()
    for sent, head in history:
        forgetful.receive(sent, head, floor=head - 3)
        complete.receive(sent, head, floor=0)
        for time in range(head - 2, head + 40):
            ours, all_of_it = forgetful.in_force(time), complete.in_force(time)
            assert ours.models() == all_of_it.models()
            assert [s for s in ours.strategies if s.live or s.shadows] == [
                s for s in all_of_it.strategies if s.live or s.shadows
            ]
            for strategy in ("s", "t"):
                symbols = ("A", "B", "C")
                assert (ours.paused(strategy, symbols) == all_of_it.paused(strategy, symbols)).all()
                assert (ours.scale(strategy, symbols) == all_of_it.scale(strategy, symbols)).all()


@given(history=experiment_histories())
@settings(max_examples=300, deadline=None)
def test_forgetting_brings_no_experiment_back(history: list[tuple[ControlEvent, int]]) -> None:
    """The same for experiments, behind a watermark so far back that starts and stops settle together."""
    forgetful, complete = ControlState(), ControlState()
    for sent, head in history:
        forgetful.receive(sent, head, floor=head - 8)
        complete.receive(sent, head, floor=0)
        for time in range(head - 7, head + 8):
            assert (live(forgetful, time), running(forgetful, time)) == (live(complete, time), running(complete, time))


@given(history=histories() | experiment_histories())
@settings(max_examples=100, deadline=None)
def test_restored_state_is_the_same(history: list[tuple[ControlEvent, int]]) -> None:
    state = ControlState()
    for sent, head in history:
        state.receive(sent, head, floor=head - 3)
    again = ControlState.restore(state.received, dict(state.kept()), [sent for sent, _ in history])
    assert (again.received, again.kept()) == (state.received, state.kept())
    assert all(again.in_force(time) == state.in_force(time) for time in range(80, 300, 7))


def test_event_gone_from_control_is_named() -> None:
    with pytest.raises(ControlEventMissing, match=r"\[3\]"):
        ControlState.restore(5, {3: 100}, [])


def test_models_are_listed_once() -> None:
    state = ControlState()
    state.receive(activate(0, 1), head=None)
    state.receive(event("shadow", 1, strategy="s", model="m", model_version=1), head=None)
    assert state.in_force(1).models() == (ModelRef(name="m", version=1),)
