"""Decisions on a pipeline of two inference instances: prepared, in force at one bar, refused, seen to arrive."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from infra.broker.reading import read_topic
from infra.stack import Endpoints
from infra.warehouse import connect, serving
from pipeline.deployments import ModelRef
from schemas.alerts import Alert
from schemas.codec import decode
from schemas.intervals import SECOND
from schemas.signals import Notice, Signal
from signaltape.__main__ import main
from signaltape.client import Control
from signaltape.rollout import (
    EffectiveFromPassed,
    NotReceived,
    PreparationFailed,
    SameBar,
    activate,
    activation,
    prepare,
)
from signaltape.rollout.arrival import Arrivals
from tests.support.isolation import process_environment
from tests.support.serving_stand import ServingStand, serving_stand
from tests.support.waiting import wait_for

SERVICES = (("ingest", 0), ("features", 0), ("inference", 0), ("inference", 1), ("store", 0), ("drift", 0))


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture(scope="module")
def models() -> dict[int, ModelRef]:
    return {}


@pytest.fixture(scope="module")
def stand(
    endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory, models: dict[int, ModelRef]
) -> Iterator[ServingStand]:
    """Two instances serve version 1 of a model; versions 2 and 3 are registered.

    This process has time: an instance that a loaded machine holds up is not dead, and a pause whose look at the log
    takes longer is not one that comes late.
    """
    with (
        pytest.MonkeyPatch.context() as patient,
        serving_stand(endpoints, tmp_path_factory.mktemp("stand"), SERVICES) as running,
    ):
        patient.setattr(serving, "SILENCE_S", 30.0)
        patient.setattr(activation, "_LOOK_S", 30.0)
        for number in (1, 2, 3):
            models[number] = running.register(number)
        wait_for(lambda: settled(running), 60, "two instances that divide the partitions")
        prepare(running.settings, models[1])
        activate(running.settings, action="activate", strategy="alpha", ref=models[1], reason="first")
        running.open()
        yield running


@pytest.fixture
def command(stand: ServingStand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for name, value in process_environment(stand.settings).items():
        if name.startswith("SIGNALTAPE_"):
            monkeypatch.setenv(name, value)

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["signaltape", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as exit:
            code = exit.code
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return Answer(int(code or 0), shown.out, shown.err)  # type: ignore[call-overload]

    return call


def settled(stand: ServingStand) -> bool:
    """True once two instances own partitions and none is in both records: the first one's is older for a moment."""
    with connect(stand.settings) as connection:
        rows = connection.execute("SELECT partitions FROM serving_instances WHERE partitions <> '{}'").fetchall()
    return len(rows) == 2 and sorted(number for row in rows for number in row[0]) == sorted(stand.symbols)


def test_swaps_at_one_bar_on_every_partition(stand: ServingStand, models: dict[int, ModelRef]) -> None:
    before = stand.bar()
    ready = prepare(stand.settings, models[2])
    assert [one.instance for one in ready] == [0, 1]
    assert sorted(number for one in ready for number in one.partitions) == sorted(stand.symbols)
    done = activate(stand.settings, action="activate", strategy="alpha", ref=models[2], reason="better")
    assert done.effective == dict.fromkeys(stand.symbols, before + 1)
    assert done.late == ()
    after = stand.bar()
    assert stand.predicted_everywhere(before) == dict.fromkeys(stand.symbols, 1)
    assert stand.predicted_everywhere(after) == dict.fromkeys(stand.symbols, 2)
    done = activate(stand.settings, action="rollback", strategy="alpha", ref=models[1], reason="it was not")
    assert stand.predicted_everywhere(stand.bar()) == dict.fromkeys(stand.symbols, 1)


def test_refused_and_nothing_is_written(stand: ServingStand, models: dict[int, ModelRef]) -> None:
    head = stand.bar()
    stand.predicted_everywhere(head)
    promote = {"action": "activate", "strategy": "alpha", "reason": "test"}
    before = stand.controls()
    with pytest.raises(EffectiveFromPassed, match="lies behind bars"):
        activate(stand.settings, ref=models[3], effective_from=head, **promote)
    assert stand.controls() == before
    activate(stand.settings, ref=models[2], **promote)
    with pytest.raises(SameBar, match="linear:2 is already promoted for this very bar"):
        activate(stand.settings, ref=models[3], **promote)
    later = head + 1000 * SECOND
    activate(stand.settings, ref=models[3], effective_from=later, **promote)
    with pytest.raises(SameBar, match="linear:3"):
        activate(stand.settings, ref=models[2], effective_from=later, **promote)
    assert stand.controls() == before + 2
    activate(stand.settings, action="rollback", strategy="alpha", ref=models[1], effective_from=later, reason="both")
    activate(stand.settings, action="rollback", strategy="alpha", ref=models[1], reason="both")
    assert stand.predicted_everywhere(stand.bar()) == dict.fromkeys(stand.symbols, 1)


def alerts(stand: ServingStand) -> list[Alert]:
    found = [decode(record.value or b"") for record in read_topic(stand.settings, stand.names.alerts)]
    return [one for one in found if isinstance(one, Alert)]


def test_model_that_cannot_be_loaded_fails_the_promotion_and_alerts(
    stand: ServingStand, models: dict[int, ModelRef]
) -> None:
    changed = stand.register(4)
    path = stand.settings.artifacts / "linear" / str(changed.version) / "model.onnx"
    path.write_bytes(path.read_bytes() + b"changed")
    other_set = stand.register(5, name="other", feature_set="core", weights={"logret_1": 1.0})
    before = stand.controls()
    for ref, why in (
        (changed, "SHA-256"),
        (ModelRef(name="linear", version=99), "no version 99"),
        (ModelRef(name="nobody", version=1), "no model 'nobody'"),
        (other_set, "predicts from feature set core"),
    ):
        with pytest.raises(PreparationFailed) as failed:
            prepare(stand.settings, ref)
        assert str(failed.value).count(why) == 2, failed.value
        assert "inference instance 0" in str(failed.value)
        assert "inference instance 1" in str(failed.value)
    wait_for(lambda: len(alerts(stand)) == 4, 60, "alerts on their topic")
    assert {one.rule for one in alerts(stand)} == {"promotion_failed"}
    assert {one.subject for one in alerts(stand)} == {str(changed), "linear:99", "nobody:1", "other:1"}
    assert stand.controls() == before
    assert stand.predicted_everywhere(stand.bar()) == dict.fromkeys(stand.symbols, 1)


def test_pause_parameters_and_resume(stand: ServingStand, command: Command) -> None:
    """Each returns when all partitions have it, and acts from the next bar on; gateways see it as a notice."""
    last = stand.bar()
    begun = time.monotonic()
    paused = command("pause", "--reason", "test", "--json")
    assert paused.code == 0, paused
    took_s = time.monotonic() - begun
    assert json.loads(paused.out)["effective"] == {str(number): last + 1 for number in stand.symbols}
    quiet = stand.bar()
    stand.predicted_everywhere(quiet)
    assert "received by all 4 partitions" in command("resume", "--reason", "test").out
    loud = stand.bar()
    stand.predicted_everywhere(loud)
    only = stand.symbols[0][0]
    limited = command(
        "parameters", "set", f"symbols={only}", "long=0", "--strategy", "alpha", "--reason", "x", "--json"
    )
    assert json.loads(limited.out)["event"]["parameters"] == {"symbols": [only], "long": 0.0}
    few = stand.bar()
    stand.predicted_everywhere(few)
    assert command("parameters", "set", "symbols=", "--strategy", "alpha", "--reason", "x").code == 0
    assert command("parameters", "set", "dedup_window_s=3600", "--reason", "x").code == 0
    assert command("parameters", "set", "dedup_window_s=0", "--reason", "x").code == 0
    signals: dict[int, set[str]] = {}
    for _, message in stand.told():
        if isinstance(message, Signal):
            signals.setdefault(message.event_time, set()).add(message.symbol)
    everybody = {symbol for names in stand.symbols.values() for symbol in names}
    assert signals[last] <= everybody
    assert quiet not in signals
    assert signals[loud]
    assert signals.get(few, set()) <= {only}
    kinds = [m.kind for number, m in stand.told() if isinstance(m, Notice) and number == 0][-6:]
    assert kinds == ["paused", "resumed", "parameters", "parameters", "parameters", "parameters"]
    print(f"pause: {took_s:.2f} s from the command to its end, after which no signal comes")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("pause", "--strategy", "alhpa"), 1, "no model was ever deployed as strategy 'alhpa'; there are: alpha"),
        (("pause", "--effective-from", "2001-01-01T00:00:00Z"), 1, "lies behind bars"),
        (("pause", "--effective-from", "2030-01-01T00:00:00"), 2, "has no zone"),
        (("parameters", "set", "lnog=1"), 2, "parameter 'lnog' is not known"),
        (("parameters", "set", "long"), 2, "write NAME=VALUE"),
        (("parameters", "set", "long=much"), 2, "'much' is not a number"),
        (("parameters", "set", "long=nan"), 1, "parameter long can't be nan"),
        (("parameters", "set", "emit=sometimes"), 1, "parameter emit can't be 'sometimes'"),
        (("parameters", "set", "dedup_window_s=1", "--strategy", "alpha"), 1, "does not know dedup_window_ns"),
        (("parameters", "set", "long=0.1", "short=0.2", "--strategy", "alpha"), 1, "must not exceed long"),
        (("parameters", "set", "dedup_window_s=-1"), 2, "can't be a window"),
    ],
)
def test_bad_input_leaves_everything_as_it_is(
    stand: ServingStand, command: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    before = stand.controls()
    answer = command(*arguments, "--reason", "test")
    assert (answer.code, answer.out) == (code, ""), answer
    assert words in answer.err, answer
    assert stand.controls() == before


def test_partitions_that_did_not_receive_are_named(
    stand: ServingStand, models: dict[int, ModelRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feature agent stands still for longer than the deadline; the event acts once it goes on."""
    agent, wait = stand.services["features", 0], Arrivals.wait
    # So much of the deadline is left once the event is written, however long that took.
    monkeypatch.setattr(Arrivals, "wait", lambda self, event, _: wait(self, event, time.monotonic() + 1.0))
    os.kill(agent.pid, signal.SIGSTOP)
    try:
        wait_for(agent.is_frozen)
        with pytest.raises(NotReceived) as missing:
            activate(stand.settings, action="activate", strategy="alpha", ref=models[2], reason="frozen")
    finally:
        agent.resume()
    for number in stand.symbols:
        assert f"{stand.names.signals}[{number}] (inference instance" in str(missing.value)
    assert stand.predicted_everywhere(stand.bar()) == dict.fromkeys(stand.symbols, 2)


def late_partitions(stand: ServingStand, event_id: str) -> int:
    """Partitions on which an event is recorded as late."""
    query = (
        "SELECT count(*) FROM control_applied AS applied JOIN deployments USING (generation, control_offset)"
        " WHERE event_id = %s AND applied.late"
    )
    with connect(stand.settings) as connection:
        row = connection.execute(query, (event_id,)).fetchone()
    return 0 if row is None else int(row[0])


def test_lost_race_is_recorded_noticed_and_alerted_once(stand: ServingStand, models: dict[int, ModelRef]) -> None:
    head = stand.bar()
    stand.predicted_everywhere(head)
    event = Control(stand.settings).issue(
        "activate", strategy="alpha", model="linear", model_version=1, effective_from=head - SECOND, reason="too late"
    )
    wait_for(lambda: any(one.rule == "control_late" for one in alerts(stand)), 60, "the alert")
    wait_for(lambda: late_partitions(stand, event.event_id) == len(stand.symbols), 60, "every partition recorded late")
    late = [one for one in alerts(stand) if one.rule == "control_late"]
    assert len(late) == 1
    told = [m for _, m in stand.told() if isinstance(m, Notice) and m.kind == "control_late"]
    assert [one.event_time for one in told] == [head + 1] * len(stand.symbols)
    assert stand.predicted_everywhere(stand.bar()) == dict.fromkeys(stand.symbols, 1)


def test_instance_that_died_fails_one_promotion_and_is_not_waited_for(
    stand: ServingStand, models: dict[int, ModelRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "SILENCE_S", 5.0)
    stand.services["inference", 1].kill()
    begun = time.monotonic()
    with pytest.raises(PreparationFailed, match=r"inference instance 1 .* fell silent before it answered"):
        prepare(stand.settings, models[3], deadline_s=200.0)
    ready = prepare(stand.settings, models[3], deadline_s=200.0)
    assert [one.instance for one in ready] == [0]
    assert time.monotonic() - begun < 100
    stand.services["inference", 0].stop()
    with pytest.raises(PreparationFailed, match="no inference instance runs"):
        prepare(stand.settings, models[3])
    assert prepare(stand.settings, models[3], allow_none=True) == ()
    with pytest.raises(PreparationFailed, match="no version 99"):
        prepare(stand.settings, ModelRef(name="linear", version=99), allow_none=True)
