"""Guarded steps on a running pipeline: signals are smaller, another model answers, then none are left."""

import json
from collections.abc import Iterator

import pytest

from infra.broker.single import publish_one
from infra.stack import Endpoints
from infra.warehouse import connect
from infra.warehouse.guard import StepRow, steps
from pipeline.deployments import ModelRef
from schemas.alerts import Alert
from schemas.codec import encode
from schemas.headers import event_headers
from schemas.signals import Notice, Signal
from signaltape.promotion.history import read_decisions
from signaltape.promotion.stages import fill_in
from signaltape.rollout import activate, prepare
from tests.support.commands import runner
from tests.support.guard_facts import SESSION, alert
from tests.support.serving_stand import ServingStand, serving_stand
from tests.support.waiting import wait_for

SERVICES = (("ingest", 0), ("features", 0), ("inference", 0), ("store", 0), ("responder", 0))
GUARD = {"mode": "act", "fallbacks": {"alpha": "linear:3"}}


@pytest.fixture
def stand(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingStand]:
    """Version 2 of a model is live, 1 was before; the fallback, 3, is not the file that was registered."""
    with serving_stand(endpoints, tmp_path_factory.mktemp("stand"), SERVICES, guard=GUARD) as running:
        refs = [running.register(number) for number in (1, 2, 3)]
        for ref in refs[:2]:
            prepare(running.settings, ref)
            activate(running.settings, action="activate", strategy="alpha", ref=ref, reason="test")
            if ref == refs[0]:
                running.open()
        with connect(running.settings) as connection:
            files = connection.execute(
                "SELECT path FROM model_artifacts WHERE version = 3 AND kind = 'onnx'"
            ).fetchall()
        for (path,) in files:
            (running.settings.artifacts / path).write_bytes(b"changed")
        yield running


def raise_alert(stand: ServingStand, session: int) -> StepRow:
    """Put an alert on the topic and return what became of it, once a step that was taken has arrived everywhere."""
    one: Alert = alert(session, subject="features")
    headers = event_headers("Alert", one.alert_id, "test", one.event_time)
    publish_one(stand.settings, stand.names.alerts, encode(one), key=b"k", headers=headers)

    def settled() -> StepRow | None:
        with connect(stand.settings) as connection:
            rows = steps(connection, stand.settings.topics.prefix)
        return next((row for row in rows if row.alert_id == one.alert_id and row.state != "waiting"), None)

    found = wait_for(settled, 40, f"the step of session {session}")
    assert found is not None
    if found.state == "published":
        newest = read_decisions(stand.settings).events[-1].control_offset

        def arrived() -> bool:
            told = {one for one, said in stand.told() if isinstance(said, Notice) and said.control_offset == newest}
            return told == set(stand.symbols)

        wait_for(arrived, 40, f"control event {newest} on every partition", 0.1)
    return found


def scales(stand: ServingStand, close: int) -> set[float]:
    """Position scales of the signals of one bar, once it is predicted everywhere."""
    stand.predicted_everywhere(close)
    return {one.position_scale for _, one in stand.told() if isinstance(one, Signal) and one.event_time == close}


def test_the_ladder_acts_on_a_running_pipeline(
    stand: ServingStand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(stand.settings, monkeypatch, capsys)
    assert scales(stand, stand.bar()) == {1.0}

    step = raise_alert(stand, SESSION)
    assert (step.state, step.rung) == ("published", "derisk")
    assert scales(stand, stand.bar()) == {0.5}

    before = stand.bar()
    step = raise_alert(stand, SESSION + 3)
    assert (step.state, step.rung) == ("published", "rollback")
    assert [rung for rung, _ in step.passed_over] == ["fallback"]
    assert "can't be loaded: inference instance 0" in step.passed_over[0][1]
    after = stand.bar()
    assert stand.predicted_everywhere(before) == dict.fromkeys(stand.symbols, 2)
    assert stand.predicted_everywhere(after) == dict.fromkeys(stand.symbols, 1)
    decisions = read_decisions(stand.settings)
    assert decisions.events[-1].effective_from == before + 1
    assert decisions.of("alpha").live == ModelRef(name="linear", version=1)
    fill_in(stand.settings, decisions.events)
    with connect(stand.settings) as connection:
        stages = connection.execute("SELECT stage, by_whom, forced FROM model_stages WHERE version = 1 ORDER BY id")
        assert stages.fetchall()[-1] == ("production", "guard", False)

    step = raise_alert(stand, SESSION + 6)
    assert (step.state, step.rung) == ("published", "pause")
    assert scales(stand, stand.bar()) == set()

    assert json.loads(run("guard", "restore", "alpha", "--reason", "repaired", "--json").out)["late"] == []
    assert run("resume", "--strategy", "alpha", "--reason", "repaired").code == 0
    assert scales(stand, stand.bar()) == {1.0}
