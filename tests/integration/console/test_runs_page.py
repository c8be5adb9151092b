"""The page *Replays and backtests* in a browser: a replay is steered by a person, a backtest is read."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.console_runs import replaying, state_of, steer, written
from tests.support.console_world import ConsoleWorld

pytestmark = pytest.mark.integration


def dialog(page: Page, button: str, ident: str, reason: str, token: str | None) -> None:
    page.get_by_role("row").filter(has_text=ident).get_by_role("button", name=button).click()
    box = page.get_by_role("dialog")
    expect(box).to_contain_text("The live pipeline is not touched")
    box.get_by_label("Reason").fill(reason)
    if token is not None:
        box.get_by_label("Token").fill(token)


def test_a_replay_is_paused_and_ended_by_a_person(watched: tuple[Any, Any], console_world: ConsoleWorld) -> None:
    context, faults = watched
    faults.allow("401")
    page = context.new_page()
    with replaying(console_world.settings, "watched"):
        page.goto(f"{console_world.url}/console/runs")
        row = page.get_by_role("row").filter(has_text="watched")
        expect(row).to_contain_text("30 of 90 bars")
        expect(row).to_contain_text("2 before features")
        dialog(page, "Pause", "watched", "look at it", "not-the-token-at-all")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The token was not accepted")
        assert state_of(console_world, "watched") == "running"
        page.get_by_role("dialog").get_by_label("Token").fill(console_world.token)
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_contain_text("The replay is paused")
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        expect(row).to_contain_text("paused")
        # The token is kept in the page: it is not asked for again.
        dialog(page, "End now", "watched", "enough seen", None)
        page.get_by_role("dialog").get_by_role("button", name="End now").click()
        expect(page.get_by_role("dialog")).to_contain_text("The replay has ended")
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        expect(row).to_contain_text("cancelled")


def test_a_change_on_an_old_picture_is_refused(watched: tuple[Any, Any], console_world: ConsoleWorld) -> None:
    context, faults = watched
    faults.allow("409")
    page = context.new_page()
    with replaying(console_world.settings, "raced"):
        page.goto(f"{console_world.url}/console/runs")
        dialog(page, "End now", "raced", "too slow", console_world.token)
        assert steer(console_world, "raced", "pause", "running").status_code == 200
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("was running, is paused now")
        assert state_of(console_world, "raced") == "paused"


def test_a_backtest_is_read_and_its_report_opened(watched: tuple[Any, Any], console_world: ConsoleWorld) -> None:
    context, _ = watched
    page = context.new_page()
    written(console_world.settings, "for-the-page", notes=("<img src=x onerror=alert(1)> is a note",))
    page.goto(f"{console_world.url}/console/runs/backtests")
    backtests = page.get_by_label("Backtests; Enter shows one")
    expect(backtests.locator('tr[aria-rowindex="2"]')).to_be_visible()  # before there is a row, Enter leads nowhere
    backtests.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Equity")).to_be_visible()
    expect(page.get_by_text("<img src=x onerror=alert(1)> is a note")).to_be_visible()
    expect(page.get_by_role("table", name="All figures")).to_contain_text("Sharpe ratio")
    with context.expect_page() as opening:
        page.get_by_role("link", name="Open the report in a new tab").click()
    report = opening.value
    expect(report.get_by_role("heading", name="At a glance")).to_be_visible()
    assert report.evaluate("self.origin") == "null"  # a sandbox: it is no page of this server


def test_where_there_is_nothing_the_page_says_what_to_run(page: Page, console_world: ConsoleWorld) -> None:
    none = {"all": 0, "limit": 200, "truncated": False}
    page.route("**/console/api/runs/backtests", lambda route: route.fulfill(json={**none, "backtests": []}))
    page.goto(f"{console_world.url}/console/runs/backtests")
    expect(page.get_by_text("signaltape backtest --model NAME")).to_be_visible()
