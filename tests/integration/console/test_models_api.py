"""The page *Models* as JSON: what it shows is what the commands say, and a change on an old picture is refused."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from infra.scoring.registry import ModelRegistry
from infra.warehouse.audit import newest_lines
from infra.warehouse.connection import Warehouse
from signaltape.client import Control
from tests.support.api import running_api
from tests.support.commands import Run, runner
from tests.support.console_desk import HOSTILE_REASON, Desk
from tests.support.console_world import TOKEN, ConsoleWorld
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def desk(console_world: ConsoleWorld, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Seven tested versions of ``desk``, of which the first is live."""
    found = Desk(console_world, "desk")
    found.register(tmp_path_factory.mktemp("desk"), 7)
    first = found.effect("promote", model="desk:1")
    assert first["lines"][0].startswith("desk:1 becomes the first live model of strategy desk")
    assert [one["passed"] for one in first["gates"]] == [True, True, True]
    done = found.change("promote", model="desk:1", reason=HOSTILE_REASON)
    assert done.status_code == 200, done.text
    return found


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk.world.settings, monkeypatch, capsys)


def newest(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = desk.overview()["changes"][0]
    return found


def test_overview_says_what_the_commands_say(desk: Desk, run: Run) -> None:
    wait_for(lambda: newest(desk)["received"] == 2, 30, "the store to see the promotion")
    shown = desk.overview()
    listed = {f"{one['name']}:{one['version']}": one for one in json.loads(run("models", "list", "--json").out)}
    assert {one["model"] for one in shown["models"]} == set(listed)
    for one in shown["models"]:
        assert (one["stage"], one["sha256"]) == (listed[one["model"]]["stage"], listed[one["model"]]["sha256"])
    (live,) = [one for one in shown["strategies"] if one["name"] == "desk"]
    assert (live["live"], live["predecessor"], live["line"], live["kept"]) == ("desk:1", None, ["desk:1"], [])
    assert live["acting"] == [{"live": "desk:1", "partitions": [0, 1]}]
    change = shown["changes"][0]
    assert change["issued_by"] == "default over the console from 127.0.0.1"
    assert (change["reason"], change["words"]) == (
        HOSTILE_REASON, "strategy desk: live was no model, is desk:1 (promoted)",
    )  # fmt: skip
    assert (change["forced"], change["partitions"]) == (False, 2)
    daily = next(one for one in shown["strategies"] if one["live"] == "daily:1")
    calls = next(one for one in daily["calls"] if one["role"] == "live")
    assert calls["calls"] > 0
    assert calls["median_ms"] <= calls["p99_ms"]
    assert (shown["control_failure"], shown["registry_failure"]) == ("", "")


def test_closed_gate_needs_its_own_force(desk: Desk) -> None:
    desk.next_bar()
    before, was = desk.controls(), desk.strategy()["live"]
    told = desk.effect("promote", model="desk:2")
    assert (
        told["lines"][0]
        == f"desk:2 takes the place of {was} in strategy desk: from the next bar on, on all 2 partitions."
    )
    closed = [one["name"] for one in told["gates"] if not one["passed"]]
    assert closed == ["comparison"]
    for forces in ((), ("model_tests",)):  # what was shown as closed is passed, nothing else
        refused = desk.change("promote", model="desk:2", forces=forces)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "refused")
        assert "it was never compared with" in refused.json()["error"]["message"]
    assert desk.controls() == before, "a look and a refusal leave no event"
    done = desk.change("promote", model="desk:2", forces=("comparison",), reason="seen on paper").json()
    assert done["received"] is True
    assert done["text"].startswith(f"desk:2 is live for strategy desk in the place of {was}, from bars after ")
    assert done["text"].endswith("received by all 2 partitions. It went past closed gates, which is recorded.")
    assert (done["forced"], done["late"], set(done["effective"])) == (True, [], {"0", "1"})
    wait_for(lambda: newest(desk)["forced"], 30, "the change to be shown as forced")
    detail = desk.get("version", model="desk:2").json()
    assert (detail["stages"][-1]["forced"], detail["stages"][-1]["other"]) == (True, was)
    approval = detail["approvals"][0]
    assert (approval["reason"], approval["by"]) == ("seen on paper", "default over the console from 127.0.0.1")
    assert [one["passed"] for one in approval["gates"]] == [True, False, True]


def test_state_that_changed_is_refused_with_what_changed(desk: Desk) -> None:
    desk.next_bar()
    seen, live = desk.overview()["control_offset"], desk.strategy()["live"]
    Control(desk.world.settings).issue("pause", strategy="desk", reason="by somebody else")
    before = desk.controls()
    desk.judged(3, int(live.partition(":")[2]), "promote")
    for action, more in (("promote", {"model": "desk:3"}), ("resume", {}), ("pause", {"symbols": ["S001"]})):
        refused = desk.change(action, seen, **more)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (409, "state_changed"), refused.text
        (line,) = error["changed"]
        assert line.startswith("strategy desk was paused since ")
        assert line.endswith(": by somebody else")
    assert desk.controls() == before
    other = desk.change("pause", seen, strategy="alpha", symbols=["NOBODY"], reason="another strategy").json()
    assert other["received"] is True
    resumed = desk.change("resume")
    assert resumed.json()["text"].startswith("Signals of strategy desk go out, from bars after ")
    desk.change("resume", strategy="alpha", symbols=["NOBODY"])


def test_of_two_at_the_same_moment_one_is_done(desk: Desk) -> None:
    desk.next_bar()
    live = int(desk.strategy()["live"].partition(":")[2])
    desk.judged(4, live, "promote")
    desk.judged(5, live, "promote")
    before, seen = desk.controls(), desk.overview()["control_offset"]
    with ThreadPoolExecutor(4) as pool:
        swaps = list(pool.map(lambda model: desk.change("promote", seen, model=model), ("desk:4", "desk:5")))
    assert sorted(one.status_code for one in swaps) == [200, 409], [one.text for one in swaps]
    assert desk.controls() == before + 1
    refused = next(one for one in swaps if one.status_code == 409)
    assert f"live was desk:{live}, is {desk.strategy()['live']}" in refused.json()["error"]["changed"][0]
    seen = desk.overview()["control_offset"]
    with ThreadPoolExecutor(4) as pool:
        pauses = list(pool.map(lambda _: desk.change("pause", seen), range(4)))
    assert sorted(one.status_code for one in pauses) == [200, 409, 409, 409], [one.text for one in pauses]
    assert desk.controls() == before + 2
    assert desk.change("resume").status_code == 200


def test_rollback_by_name_and_to_the_predecessor(desk: Desk) -> None:
    was = desk.strategy()
    told = desk.effect("rollback")
    assert told["title"] == f"Roll back strategy desk to {was['predecessor']}"
    assert "no gate is asked" in told["lines"][1]
    done = desk.change("rollback", reason="losses")
    assert done.status_code == 200, done.text
    assert desk.strategy()["live"] == was["predecessor"]
    assert {was["live"]} <= set(desk.strategy()["kept"]) <= {f"desk:{number}" for number in range(1, 6)}
    assert desk.change("rollback", model="desk:1").status_code == 200
    assert desk.strategy()["live"] == "desk:1"
    assert desk.effect("rollback", model="desk:7")["impossible"].startswith("desk:7 was never live")
    never = desk.change("rollback", model="desk:7")
    assert (never.status_code, "was never live" in never.text) == (422, True)


def test_scale_and_what_it_was(desk: Desk) -> None:
    assert desk.effect("position_scale", scale=0.5)["lines"][1] == "Until now: full positions, 1."
    assert desk.change("position_scale", scale=0.5).status_code == 200
    wait_for(lambda: desk.strategy()["scales"], 30, "the scale")
    assert desk.effect("position_scale", scale=1)["lines"][1] == "Until now: strategy desk: 0.5."
    assert desk.change("position_scale", scale=1).status_code == 200


def test_every_refusal_leaves_control_as_it_is(desk: Desk) -> None:
    before, seen = desk.controls(), desk.overview()["control_offset"]
    change = {"action": "pause", "strategy": "desk"}
    good = {"change": change, "seen": seen, "reason": "a test"}
    cases: list[tuple[Any, dict[str, str | None], int, str]] = [
        (good, {"Authorization": None}, 401, "unauthorized"),
        (good, {"Authorization": "Bearer a-wrong-token-a-wrong-token"}, 401, "unauthorized"),
        (good, {"Authorization": f"Basic {TOKEN}"}, 401, "unauthorized"),
        (good, {"Sec_Fetch_Site": "cross-site"}, 403, "refused"),
        (good, {"Origin": "https://evil.example"}, 403, "refused"),
        (json.dumps(good), {"Content_Type": "text/plain"}, 415, "wrong_type"),
        ("change=pause", {"Content_Type": "application/x-www-form-urlencoded"}, 415, "wrong_type"),
        (good, {"X_Signaltape_Build": "another-build"}, 409, "page_expired"),
        (good, {"X_Signaltape_Build": None}, 409, "page_expired"),
        ("{", {}, 422, "invalid"),
        ({**good, "reason": "  a "}, {}, 422, "invalid"),
        ({**good, "reason": "a\0b c"}, {}, 422, "invalid"),
        ({**good, "reason": "x" * 401}, {}, 422, "invalid"),
        ({**good, "surprise": 1}, {}, 422, "invalid"),
        ({**good, "seen": -2}, {}, 422, "invalid"),
        ({"change": change, "reason": "a test"}, {}, 422, "invalid"),
        ({**good, "change": {**change, "action": "dance"}}, {}, 422, "invalid"),
        ({**good, "change": {**change, "symbols": [""]}}, {}, 422, "invalid"),
        ({**good, "change": {**change, "symbols": ["S"] * 1_001}}, {}, 422, "invalid"),
        ({**good, "change": {**change, "scale": 0.5}}, {}, 422, "invalid"),
        ({**good, "change": {"action": "position_scale", "strategy": "desk", "scale": 2}}, {}, 422, "invalid"),
        ({**good, "change": {"action": "promote", "strategy": "desk"}}, {}, 422, "invalid"),
        ({**good, "change": {"action": "promote", "strategy": "desk", "model": "../1"}}, {}, 422, "invalid"),
        ({**good, "change": {"action": "promote", "strategy": "", "model": "desk:2"}}, {}, 422, "invalid"),
        ({**good, "change": {"action": "promote", "strategy": "desk", "model": "desk:99"}}, {}, 422, "refused"),
        ({**good, "change": {"action": "pause", "strategy": "nobody"}}, {}, 422, "refused"),
        ({**good, "seen": seen + 1_000}, {}, 409, "state_changed"),
    ]
    for body, headers, status, code in cases:
        refused = desk.post(body, **headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), (body, headers, refused.text)
        assert refused.json()["error"]["message"]
    assert desk.controls() == before
    assert desk.world.api.get("/console/api/models/change").status_code == 404


def test_audit_has_a_line_before_and_after(desk: Desk) -> None:
    def lines() -> list[Any]:
        with Warehouse(desk.world.settings, "test") as warehouse:
            return warehouse.run(lambda one: newest_lines(one, desk.world.settings.topics.prefix, limit=6))

    desk.change("pause", reason="for the audit", symbols=["NOBODY"])
    desk.change("resume", reason="for the audit", symbols=["NOBODY"])
    desk.change("resume", seen=0, reason="for the audit", symbols=["NOBODY"])
    wait_for(lambda: lines()[0].outcome == "refused", 30, "the last line")
    found = lines()
    assert [one.outcome for one in reversed(found)] == ["asked", "done", "asked", "done", "asked", "refused"]
    assert {(one.who, one.client, one.detail["why"]) for one in found} == {("default", "127.0.0.1", "for the audit")}
    assert "was paused since" in found[0].detail["error"]
    shown = desk.get("audit").json()["lines"]
    assert [(one["id"], one["outcome"], one["detail"]["why"]) for one in shown[:6]] == [
        (one.id, one.outcome, "for the audit") for one in found
    ]


def test_not_received_yet_is_no_failure(desk: Desk) -> None:
    """The inference stands still: the change is written, says so, and acts once it goes on."""
    settings = desk.world.settings
    inference = desk.world.stand.services["inference"]
    impatient = {"SIGNALTAPE_API": json.dumps({"port": 0, "token": TOKEN, "change_timeout_s": 4})}
    with running_api(settings, 7, TOKEN, **impatient) as api:
        other = Desk(ConsoleWorld(settings=settings, api=api, url="", token=TOKEN, stand=desk.world.stand), "desk")
        os.kill(inference.pid, signal.SIGSTOP)
        try:
            answer = other.change("pause", reason="nobody hears it", symbols=["NOBODY"])
        finally:
            inference.resume()
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["received"] is False
    assert "It stays in control and acts there once they go on" in body["text"]
    wait_for(lambda: newest(desk)["received"] == 2, 30, "the partitions to receive it")
    assert newest(desk)["reason"] == "nobody hears it"
    assert desk.change("resume", symbols=["NOBODY"]).status_code == 200


def test_version_card_and_a_changed_file(desk: Desk) -> None:
    detail = desk.get("version", model="daily:1").json()
    assert all(one["fault"] == "" for one in detail["files"])
    assert {"test", "validation"} <= set(detail["metrics"]["datasets"])
    assert detail["tests"]["report"]["passed"] is True
    assert detail["importance"]["features"]
    assert detail["runs"][0]["dataset"]
    card = desk.get("card", model="daily:1")
    assert card.headers["content-type"] == "text/html; charset=utf-8"
    assert card.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert card.text.startswith("<!doctype html>")
    assert desk.get("card", model="desk:1").status_code == 404
    for wrong in ("nobody:1", "daily:99", "../..", "<b>:1", "daily"):
        refused = desk.get("version", model=wrong)
        assert refused.status_code == 404, (wrong, refused.text)
    file = ModelRegistry(desk.world.settings).folder("desk", 6) / "model.onnx"
    whole = file.read_bytes()
    file.write_bytes(whole + b"x")
    try:
        faults = [one["fault"] for one in desk.get("version", model="desk:6").json()["files"] if one["fault"]]
        assert len(faults) == 1
        assert "its SHA-256 is" in faults[0]
        assert "its SHA-256 is" in desk.effect("promote", model="desk:6")["impossible"]
        refused = desk.change("promote", model="desk:6", forces=("comparison",))
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "refused")
    finally:
        file.write_bytes(whole)


def test_live_at_is_what_the_command_says(desk: Desk, run: Run) -> None:
    at = "2030-01-01T00:00:00Z"
    asked = desk.get("live-at", at=at, symbol=["S001", "<img src=x>"]).json()["answers"]
    for one in asked:
        (told,) = json.loads(run("models", "live-at", at, "--symbol", one["symbol"], "--json").out)
        assert told["partition"] == one["partition"]
        assert {s["strategy"]: s["live"] for s in one["strategies"]} == {
            name: held["live"] for name, held in told["strategies"].items()
        }
    assert len(desk.get("live-at", at=at).json()["answers"]) == 2
    for wrong in ("yesterday", "2030-01-01T00:00:00"):
        refused = desk.get("live-at", at=wrong)
        assert (refused.status_code, refused.json()["error"]["fields"][0]["field"]) == (422, "at")


def test_shadows_of_nobody_are_said_to_be_none(desk: Desk) -> None:
    found = desk.get("shadows", strategy="desk", hours=1e9).json()
    assert (found["lines"], found["truncated"]) == ([], True)
    assert desk.get("shadows", strategy="desk", hours=0).status_code == 422
