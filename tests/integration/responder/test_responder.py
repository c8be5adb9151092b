"""The responder on real servers: steps into `control`, deliveries to a web server and a file."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.broker.admin import low_high_offsets
from infra.settings import Settings
from infra.warehouse import connect
from schemas.alerts import Alert
from schemas.codec import decode_json
from signaltape.repair import repair
from tests.support.commands import runner
from tests.support.guard_facts import SESSION, alert
from tests.support.guard_world import QUICK, GuardWorld
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for
from tests.support.webhook_server import webhook_server

Make = Callable[..., Settings]


def test_alerts_are_delivered_and_lead_to_one_step_each_trouble(make_settings: Make) -> None:
    with webhook_server() as server:
        # Each request is to be answered: one that a loaded machine takes long for must not come twice.
        own = {**QUICK, "timeout_s": 30.0, "webhook_url": server.url, "webhook_token": "topsecret",
               "file": "alerts.jsonl"}  # fmt: skip
        world = GuardWorld(make_settings(responder=own, guard={"mode": "act", "fallbacks": {"alpha": "ridge:9"}}))
        server.answers = [500, 503]
        first, mild = alert(), alert(alert_id="mild", severity="warning")
        again = alert(SESSION + 1)  # within the cool-down
        late = alert(SESSION + 3)
        backlog = alert(SESSION + 3, alert_id="backlog")  # it lay there when the first step was taken
        broken = alert(alert_id="broken", severity="fatal")
        world.publish(first, b"\xc1no message", mild, broken, first, backlog)
        with running(world.settings, "responder") as services:
            world.wait_settled()
            world.publish(again, late, alert(strategy="x", alert_id="x"))
            world.wait_settled()
            assert services["responder"].stop() == 0
            log = services["responder"].log.read_text()
        assert [(one[0], *one[1:4]) for one in world.steps()] == [
            (first.alert_id, "published", "derisk", ""),
            ("backlog", "refused", "", "overtaken"),
            (again.alert_id, "refused", "", "cool_down"),
            (late.alert_id, "published", "fallback", ""),
            ("x", "refused", "", "unknown_strategy"),
        ]
        derisk, fallback = world.events()
        assert (derisk.action, derisk.parameters, derisk.cause) == (
            "position_scale", {"scale": 0.5}, f"alert {first.alert_id}",
        )  # fmt: skip
        assert (fallback.action, fallback.model, fallback.model_version) == ("activate", "ridge", 9)
        offsets = world.rows("SELECT control_offset FROM guarded_steps WHERE state = 'published' ORDER BY id")
        assert [row[0] for row in offsets] == [derisk.control_offset, fallback.control_offset]
        known = {first.alert_id, mild.alert_id, "backlog", again.alert_id, late.alert_id, "x"}
        assert world.deliveries() == {(one, sink): "delivered" for one in known for sink in ("webhook", "file")}
        assert set(server.keys()) == known
        assert len(server.keys()) == len(known) + 2  # two were refused and came again
        lines = (world.settings.home / "alerts.jsonl").read_bytes().splitlines()
        stored = [decode_json(line) for line in lines]
        assert {one.alert_id for one in stored if isinstance(one, Alert)} == known
        assert len(lines) == len(known)
        codes = [dict(one.headers)["__connect.errors.exception.class.name"] for one in world.dead_letters()]
        assert codes == [b"undecodable", b"unusable"]
        assert world.rows("SELECT action, name, version, by_whom FROM model_approvals") == [
            ("fallback", "ridge", 9, "guard")
        ]
    assert "topsecret" not in log
    assert "secret-path" not in log


def test_a_dead_webhook_holds_up_neither_file_nor_guard_and_ends_as_a_dead_letter(make_settings: Make) -> None:
    with webhook_server() as server:
        # The first attempt hangs until it is let go, the others end at once.
        own = {**QUICK, "timeout_s": 60.0, "webhook_url": server.url, "file": "alerts.jsonl", "attempts": 3}
        world = GuardWorld(make_settings(responder=own, guard={"mode": "act"}))
        server.silent = True
        with running(world.settings, "responder"):
            world.publish(alert())
            wait_for(lambda: server.received, 60, "the webhook to be asked")
            wait_for(lambda: world.deliveries()["a20000", "file"] == "delivered", 60)
            world.wait_taken()
            assert [one.action for one in world.events()] == ["position_scale"]
            assert world.deliveries()["a20000", "webhook"] == "waiting"
            server.let_go.set()
            world.wait_settled()
            assert world.deliveries()["a20000", "webhook"] == "dead"
            assert len(server.keys()) == 3
            server.silent = False
            world.publish(alert(SESSION + 1))
            world.wait_settled()
        (letter,) = world.dead_letters()
        assert json.loads(letter.value or b"")["alert_id"] == "a20000"
        headers = dict(letter.headers)
        assert headers["__connect.errors.exception.class.name"] == b"undeliverable"
        assert headers["__connect.errors.offset"] == b"0"
        assert b"webhook: 3 attempts" in (headers["__connect.errors.exception.message"] or b"")
        assert world.deliveries()["a20001", "webhook"] == "delivered"


def test_dry_run_records_and_touches_nothing_and_a_standby_takes_over(make_settings: Make) -> None:
    world = GuardWorld(make_settings(responder=QUICK))
    with running(world.settings, "responder") as services:
        standby = ServiceProcess(world.settings, "responder", instance=1)
        try:
            wait_for(lambda: "another responder is active" in standby.tail(), 60)
            assert not standby.is_ready()
            world.publish(alert())
            world.wait_taken()
            services["responder"].kill()
            standby.wait_ready()
            world.publish(alert(SESSION + 3))
            world.wait_taken()
        finally:
            standby.stop()
    assert [one[:3] for one in world.steps()] == [
        ("a20000", "dry_run", "derisk"),
        ("a20003", "dry_run", "rollback"),  # no fallback is set
    ]
    assert world.rows("SELECT passed_over FROM guarded_steps WHERE alert_id = 'a20003'")[0][0] == [
        ["fallback", "no fallback model is set for alpha (guard.fallbacks)"]
    ]
    assert world.events() == []
    assert world.deliveries() == {}


def test_a_recreated_topic_is_refused_and_repaired(settings: Settings) -> None:
    world = GuardWorld(settings)
    with connect(settings) as connection:
        connection.execute("UPDATE checkpoints SET topic_id = 'of before' WHERE service = 'responder'")
    refused = ServiceProcess(settings, "responder")
    assert refused.wait_exit() == 1
    assert "signaltape repair --service responder" in refused.tail()
    assert [one.fault for one in repair(settings, "responder")] == ["recreated"]
    with running(settings, "responder"):
        world.publish(alert())
        world.wait_taken()
    assert [one[:3] for one in world.steps()] == [("a20000", "dry_run", "derisk")]


def test_veto_drill_and_lists_by_command(
    make_settings: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = make_settings(responder={**QUICK, "file": "alerts.jsonl"}, guard={"mode": "act"})
    world = GuardWorld(settings)
    run = runner(settings, monkeypatch, capsys)
    assert "no model was ever deployed as strategy 'alpa'" in run("guard", "veto", "alpa", "--reason", "r").err
    assert run("guard", "drill", "--strategy", "alpa").code == 1
    assert run("guard", "unveto", "alpha", "--reason", "r").code == 1
    assert run("guard", "veto", "alpha", "--reason", "r", "--until", "2020-01-01T00:00:00Z").code == 2

    told = json.loads(run("guard", "drill", "--strategy", "alpha", "--json").out)
    rungs = [one["answer"]["effect"]["rung"] for one in told if one["event"]]
    assert rungs == ["derisk", "rollback", "pause"]
    assert world.steps() == []
    assert world.events() == []
    assert low_high_offsets(settings, world.names.alerts) == {0: (0, 0)}

    with running(settings, "responder", "drift"):
        done = run("guard", "drill", "--strategy", "alpha", "--act", "--json")
        rows = json.loads(done.out)
        assert [(one["state"], one["rung"], one["code"]) for one in rows] == [
            ("published", "derisk", ""), ("published", "rollback", ""), ("published", "pause", ""),
            ("refused", "", "paused"),
        ]  # fmt: skip
        assert all(one["drill"] for one in rows)
        assert [one.action for one in world.events()] == ["position_scale", "rollback", "pause"]
        world.wait_settled()

    (state,) = json.loads(run("guard", "status", "--json").out)["strategies"]
    assert (state["live"], state["position_scale"], state["paused"]) == ("ridge:1", 0.5, True)
    assert run("guard", "veto", "alpha", "--reason", "we look at it ourselves").code == 0
    twice = run("guard", "veto", "alpha", "--reason", "again")
    assert (twice.code, "is vetoed already" in twice.err) == (1, True)
    assert "we look at it ourselves" in run("guard", "status").out
    assert "DRILL" in run("guard", "steps").out
    assert run("guard", "steps", "--no-drills").out == "nothing was decided yet\n"
    listed = run("alerts", "list", "--severity", "severe").out
    assert listed.count("file: delivered (1 attempts)") == 4
    assert run("alerts", "list", "--state", "dead").out == "no such alert is stored\n"

    world_control(world)
    with running(settings, "responder"):
        now = time.time_ns() // (86_400 * 10**9)
        world.publish(replace(alert(now, alert_id="vetoed"), subject="features"))
        world.wait_taken()
        assert world.steps()[-1][:4] == ("vetoed", "refused", "", "vetoed")
        assert run("guard", "unveto", "alpha", "--reason", "looked at").code == 0
        world.publish(replace(alert(now, alert_id="free"), subject="features"))
        world.wait_taken()
        assert world.steps()[-1][:3] == ("free", "published", "derisk")  # a drill uses up no limit


def world_control(world: GuardWorld) -> None:
    """Let the strategy's signals through again, as `signaltape resume` would with services that run."""
    from signaltape.client import Control

    Control(world.settings).issue("resume", strategy="alpha", reason="after the drill")
