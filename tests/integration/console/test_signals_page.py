"""The page Signals in a real browser: by keyboard, hostile names, one signal explained."""

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import Watched
from tests.support.console_world import HOSTILE, ConsoleWorld
from tests.support.explained_run import LATE, at


def test_from_the_tape_to_an_explanation_by_keyboard_alone(console_world: ConsoleWorld, page: Page) -> None:
    page.goto(f"{console_world.url}/console/signals?symbol=S004")
    table = page.get_by_role("grid", name=re.compile("newest first"))
    expect(table.locator('tr[aria-rowindex="4"]')).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if table.evaluate("one => one === document.activeElement"):
            break
    else:
        raise AssertionError("Tab does not reach the tape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = table.locator('tr[aria-selected="true"]')
    expect(chosen).to_have_attribute("aria-rowindex", "4")
    side = chosen.locator("td").nth(3).inner_text().split()[-1]
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"S004 ▲ {side}" if side == "long" else side)
    expect(page.get_by_text("computed again: equal").first).to_be_visible()
    expect(page.get_by_role("img", name=re.compile(r"closes from .* signals? among them"))).to_be_visible()
    for name in ("What was sent", "Why it was sent", "Models", "Router", "Computed again", "How long it took"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    explained = console_world.api.get(f"/console/api/signals/explain/{page.url.rpartition('/')[2]}").json()
    (vector,) = explained["features"]
    features = page.get_by_role("region", name="Features core v1")
    features.get_by_text("Values, in the order of the set").focus()
    page.keyboard.press("Enter")
    expect(features.locator(".values dt")).to_have_text(list(vector["values"]))
    bars = page.get_by_role("table", name="Bars up to this one").get_by_role("row")
    expect(bars).to_have_count(11)
    expect(bars.nth(1)).to_contain_text(str(explained["bars"][-1]["source_offset"]))
    page.go_back()
    expect(table).to_be_visible()
    assert page.url.endswith("symbol=S004")


def test_why_there_was_none_is_asked_and_answered(
    console_world: ConsoleWorld, watched: tuple[BrowserContext, Watched]
) -> None:
    context, faults = watched
    page = context.new_page()
    page.goto(f"{console_world.url}/console/signals?view=held")
    expect(page.get_by_text("Name a symbol", exact=True)).to_be_visible()
    page.get_by_role("textbox", name="Symbol").fill(LATE[0])
    page.get_by_role("textbox", name="Symbol").press("Enter")
    page.get_by_label("Close of the bar (UTC)").fill(str(at(LATE[1])))
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", name="Why there was none")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="late").first).to_be_visible()
    faults.allow("status of 422")
    page.goto(f"{console_world.url}/console/signals/at?symbol={LATE[0]}&at=soon")
    expect(page.get_by_role("alert")).to_contain_text("is no time")


@pytest.mark.parametrize("symbol", HOSTILE)
def test_hostile_names_are_shown_as_text(console_world: ConsoleWorld, page: Page, symbol: str) -> None:
    def asked(dialog: Any) -> None:
        raise AssertionError(f"a name was run: {dialog.message}")

    page.on("dialog", asked)
    page.goto(f"{console_world.url}/console/signals?view=symbols")
    page.get_by_role("textbox", name="Symbol").fill(symbol)
    page.get_by_role("textbox", name="Symbol").press("Enter")
    row = page.get_by_role("grid", name=re.compile("newest signal of each")).locator("tbody tr").first
    expect(row).to_contain_text(symbol)
    row.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(symbol)
    expect(page.get_by_text("computed again: equal").first).to_be_visible()
    page.get_by_role("link", name="This symbol").click()
    expect(page.get_by_role("textbox", name="Symbol")).to_have_value(symbol)
    assert page.locator("img[src='x']").count() == 0
