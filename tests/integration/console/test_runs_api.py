"""What the page *Replays and backtests* reads and changes."""

import json

import pytest

from infra.warehouse.audit import AuditLine, newest_lines
from infra.warehouse.connection import Warehouse
from tests.support.console_runs import replaying, state_of, steer, written
from tests.support.console_world import ConsoleWorld
from tests.support.waiting import wait_for

pytestmark = pytest.mark.integration


def test_a_replay_is_paused_resumed_and_ended(console_world: ConsoleWorld) -> None:
    with replaying(console_world.settings, "steered"):
        found = console_world.api.get("/console/api/runs/replays").json()["replays"]
        line = next(one for one in found if one["ident"] == "steered")
        assert (line["share"], line["may"]) == (30 / 90, ["pause", "cancel"])
        done = steer(console_world, "steered", "pause", "running").json()
        assert (done["state"], done["obeyed"]) == ("paused", True)
        assert state_of(console_world, "steered") == "paused"
        done = steer(console_world, "steered", "resume", "paused").json()
        assert done["state"] == "running"
        done = steer(console_world, "steered", "cancel", "running").json()
        assert done["state"] == "cancelled"
        assert "signaltape replay remove steered" in done["text"]


def test_a_state_that_changed_meanwhile_is_told_and_nothing_is_done(console_world: ConsoleWorld) -> None:
    with replaying(console_world.settings, "moved"):
        steer(console_world, "moved", "pause", "running")
        for action in ("pause", "cancel"):
            answer = steer(console_world, "moved", action, "running")
            assert answer.status_code == 409
            assert answer.json()["error"]["code"] == "state_changed"
            assert answer.json()["error"]["changed"] == ["replay moved was running, is paused now"]
        assert state_of(console_world, "moved") == "paused"


def test_without_the_token_nothing_is_changed(console_world: ConsoleWorld) -> None:
    with replaying(console_world.settings, "guarded"):
        assert steer(console_world, "guarded", "cancel", "running", token="x" * 20).status_code == 401
        bare = console_world.api.post(
            "/console/api/runs/replays/guarded/cancel", json={"expected": "running", "reason": "no token"}
        )
        assert bare.status_code == 401
        expired = steer(console_world, "guarded", "cancel", "running", build="another")
        assert (expired.status_code, expired.json()["error"]["code"]) == (409, "page_expired")
        assert state_of(console_world, "guarded") == "running"


def test_who_steered_a_replay_from_where_and_why_is_recorded(console_world: ConsoleWorld) -> None:
    settings = console_world.settings

    def lines() -> list[AuditLine]:
        with Warehouse(settings, "test") as warehouse:
            found = warehouse.run(lambda one: newest_lines(one, settings.topics.prefix, limit=50))
        return [one for one in reversed(found) if one.call.startswith("POST /console/api/runs/replays/recorded/")]

    with replaying(settings, "recorded"):
        steer(console_world, "recorded", "pause", "running", token="x" * 20)
        steer(console_world, "recorded", "pause", "running")
        steer(console_world, "recorded", "resume", "running")
        steer(console_world, "recorded", "cancel", "paused")
        wait_for(lambda: len(lines()) == 7, 30, "the last line")
    found = lines()
    assert [one.outcome for one in found] == ["refused", "asked", "done", "asked", "refused", "asked", "done"]
    assert [one.who for one in found] == ["", *["default"] * 6]
    assert {one.client for one in found} == {"127.0.0.1"}
    assert [(one.detail["action"], one.detail["why"]) for one in found[1:]] == [
        (action, "a test of the console") for action in ("pause", "pause", "resume", "resume", "cancel", "cancel")
    ]


def test_what_can_not_be_steered_is_refused(console_world: ConsoleWorld) -> None:
    answer = steer(console_world, "nobody", "pause", "running")
    assert (answer.status_code, "there is no replay nobody" in answer.text) == (422, True)
    assert steer(console_world, "..%2F..%2Fetc", "pause", "running").status_code in (404, 405, 422)
    assert steer(console_world, "UPPER_CASE", "pause", "running").status_code == 422
    assert steer(console_world, "nobody", "remove", "running").status_code == 422
    with replaying(console_world.settings, "ended"):
        pass
    wait_for(lambda: state_of(console_world, "ended") in ("cancelled", "died"), 30, "the replay to end")
    assert steer(console_world, "ended", "pause", state_of(console_world, "ended")).status_code in (409, 422)


def test_backtests_are_listed_with_the_figures_of_their_results(console_world: ConsoleWorld) -> None:
    folder = written(console_world.settings, "listed", notes=("<b>a note</b>",))
    result = json.loads((folder / "result.json").read_bytes())
    found = console_world.api.get("/console/api/runs/backtests").json()
    line = next(one for one in found["backtests"] if one["name"] == "listed")
    assert line["metrics"]["sharpe"] == result["metrics"]["sharpe"]
    one = console_world.api.get(f"/console/api/runs/backtests/{line['id']}").json()
    values = {figure["name"]: figure["value"]["value"] for figure in one["figures"]}
    assert values["total_return"] == result["metrics"]["total_return"]["value"]
    course = one["course"]
    assert course["equity"][-1] == pytest.approx(result["by_session"][-1]["equity"])
    assert max(course["drawdown"]) == pytest.approx(result["metrics"]["max_drawdown"]["value"])
    assert one["notes"] == ["<b>a note</b>"]
    assert one["by_month"] == result["by_month"]


def test_a_figure_that_is_insufficient_says_why(console_world: ConsoleWorld) -> None:
    written(console_world.settings, "short", daily=False)
    found = console_world.api.get("/console/api/runs/backtests").json()
    sharpe = next(one for one in found["backtests"] if one["name"] == "short")["metrics"]["sharpe"]
    assert (sharpe["value"], sharpe["n"], sharpe["minimum"]) == (None, 1, 5)


def test_a_report_is_served_in_a_sandbox_by_its_id_alone(console_world: ConsoleWorld) -> None:
    folder = written(console_world.settings, "reported")
    found = console_world.api.get("/console/api/runs/backtests").json()["backtests"]
    ident = next(one["id"] for one in found if one["name"] == "reported")
    answer = console_world.api.get(f"/console/api/runs/backtests/{ident}/report")
    assert answer.content == (folder / "report.html").read_bytes()
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    for other in ("reported", "..%2F..%2Fetc%2Fpasswd", "../reported", "0" * 16):
        assert console_world.api.get(f"/console/api/runs/backtests/{other}/report").status_code in (404, 422)
    (folder / "report.html").unlink()
    (folder / "report.html").symlink_to("/etc/hostname")
    again = console_world.api.get(f"/console/api/runs/backtests/{ident}/report")
    assert again.json()["error"]["code"] == "no_report"


def test_a_result_that_can_not_be_read_says_so_and_hides_no_other(console_world: ConsoleWorld) -> None:
    folder = console_world.settings.home / "backtests" / "broken"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{")
    found = console_world.api.get("/console/api/runs/backtests").json()["backtests"]
    line = next(one for one in found if one["name"] == "broken")
    assert "can't be read" in line["problem"]
    answer = console_world.api.get(f"/console/api/runs/backtests/{line['id']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unreadable")
