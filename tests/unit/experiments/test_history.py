"""Which experiments ran: the same reading of the log as what was in force."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.deployments import fold
from pipeline.experiments.history import spans
from schemas.control import ControlEvent


def event(offset: int, action: str, strategy: str = "s", version: int = 1, **parameters: object) -> ControlEvent:
    return ControlEvent(
        event_id=f"e{offset}", action=action, effective_from=0, issued_at=0, issued_by="t", strategy=strategy,
        model="m", model_version=version, parameters=parameters, control_offset=offset,
    )  # fmt: skip


def test_how_each_ended() -> None:
    log = [
        event(0, "activate"),
        event(1, "experiment", version=2, experiment="a", ratio=0.5),
        event(2, "experiment", version=3, experiment="b", ratio=0.5),
        event(3, "experiment", experiment="b", stop=True),
        event(4, "experiment", version=2, experiment="c", ratio=0.5),
        event(5, "rollback", version=2),
        event(6, "experiment", version=3, experiment="d", ratio=0.5),
        event(7, "experiment", "other", experiment="e", ratio=0.5),  # no model is live there
    ]
    found = spans(log)
    assert [(one.experiment.name, one.status, str(one.control)) for one in found] == [
        ("a", "replaced by b", "m:1"), ("b", "stopped", "m:1"), ("c", "ended by rollback of m:2", "m:1"),
        ("d", "running", "m:2"),
    ]  # fmt: skip


@st.composite
def logs(draw: st.DrawFn) -> list[ControlEvent]:
    found = []
    for offset in range(draw(st.integers(0, 14))):
        action = draw(st.sampled_from(["activate", "rollback", "experiment", "experiment", "shadow", "pause"]))
        given_: dict[str, object] = {}
        if action == "experiment":
            given_ = {"experiment": draw(st.sampled_from("abc")), "ratio": 0.5, "stop": draw(st.booleans())}
        strategy = draw(st.sampled_from(["s", "t"]))
        found.append(event(offset, action, strategy, draw(st.integers(1, 3)), **given_))
    return found


@given(log=logs())
@settings(max_examples=200, deadline=None)
def test_what_runs_is_what_is_in_force(log: list[ControlEvent]) -> None:
    running = {one.strategy: one.experiment for one in spans(log) if one.ended is None}
    assert running == {one.name: one.experiment for one in fold(log).strategies if one.experiment is not None}
