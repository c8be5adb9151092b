"""The page *Data* in a browser: a symbol at a time, both sides, by the keyboard."""

from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from schemas.times import iso
from tests.support.browser import Watched
from tests.support.console_world import HOSTILE, ConsoleWorld
from tests.support.explained_run import LATE, REVISED, at

pytestmark = pytest.mark.integration


def at_bar(world: ConsoleWorld, symbol: str, bar: int) -> str:
    query = f"symbol={quote(symbol)}&interval=1m&at={quote(iso(at(bar)))}&knowledge=available"
    return f"{world.url}/console/data?{query}"


def test_a_symbol_is_found_and_looked_at_by_the_keyboard(page: Page, console_world: ConsoleWorld) -> None:
    page.goto(f"{console_world.url}/console/data")
    expect(page.get_by_text("Choose a symbol")).to_be_visible()
    field = page.get_by_role("combobox", name="Symbol")
    field.focus()
    page.keyboard.type("s00")
    expect(page.locator(".combo-list p")).to_have_text("8 found")  # to what is written now: an answer deselects
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Bars as they were known at T and as they are known now")).to_be_visible()
    assert "symbol=S00" in page.url


def test_the_search_is_bounded_and_says_so(page: Page, console_world: ConsoleWorld) -> None:
    page.goto(f"{console_world.url}/console/data")
    page.get_by_role("combobox", name="Symbol").fill("simd")
    expect(page.locator(".combo-list p")).to_contain_text("12 of 60")


def test_what_was_revised_is_marked_on_both_sides(page: Page, console_world: ConsoleWorld) -> None:
    page.goto(at_bar(console_world, *REVISED))
    table = page.get_by_role("table", name="Bars as they were known at T and as they are known now")
    expect(table.locator("tr.why").first).to_contain_text("revision 1 came in place of revision 0")
    assert table.locator("td.differs").count() >= 2
    page.goto(at_bar(console_world, REVISED[0], REVISED[1] + 1))
    features = page.get_by_role("table", name="Features at T and now")
    expect(features.locator("tr.changed").first).to_be_visible()
    expect(page.get_by_text("corrected because of a revision of the bar")).to_be_visible()


def test_what_came_late_was_not_known(page: Page, console_world: ConsoleWorld) -> None:
    page.goto(at_bar(console_world, *LATE))
    expect(page.locator("tr.why").first).to_contain_text("came late: available since")


def test_a_time_that_is_none_is_refused_and_the_page_stays(
    watched: tuple[BrowserContext, Watched], console_world: ConsoleWorld
) -> None:
    context, faults = watched
    faults.allow("422")
    page = context.new_page()
    page.goto(f"{console_world.url}/console/data?symbol=S000&interval=1m")
    field = page.get_by_label("T, in UTC or with a zone")
    field.fill("half past nine")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is no time")
    field.fill("2100-01-01T00:00:00Z")
    page.keyboard.press("Enter")
    expect(page.get_by_text("T lies ahead")).to_be_visible()
    field.fill("2001-01-01T00:00:00Z")
    page.keyboard.press("Enter")
    expect(page.get_by_text("T is before the first stored bar")).to_be_visible()


def test_hostile_symbols_are_text(page: Page, console_world: ConsoleWorld) -> None:
    for symbol in HOSTILE:
        page.goto(f"{console_world.url}/console/data?symbol={quote(symbol, safe='')}&interval=1m")
        expect(page.get_by_role("heading", name=symbol[-20:])).to_be_visible()
    page.goto(f"{console_world.url}/console/data?view=quality&from=newest-3d")
    expect(page.get_by_role("heading", name="By symbol")).to_be_visible()
    assert page.locator("main img").count() == 0


def test_a_link_that_cannot_be_decoded_leads_to_the_page(page: Page, console_world: ConsoleWorld) -> None:
    page.goto(f"{console_world.url}/console/data/%E0%A4%A")
    expect(page.get_by_role("button", name="Incoming bars")).to_be_visible()


def test_quality_coverage_and_corrections_are_shown(page: Page, console_world: ConsoleWorld) -> None:
    page.goto(f"{console_world.url}/console/data")
    page.get_by_role("button", name="Incoming bars").click()
    expect(page.get_by_role("heading", name="By session")).to_be_visible()
    page.get_by_label("From").fill("2001-01-01T00:00:00Z")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Cut to the newest 366 days")).to_be_visible()
    page.get_by_role("button", name="Coverage").click()
    expect(page.get_by_role("table", name="Bars by symbol and session")).to_be_visible()
    page.get_by_role("button", name="Corrections").click()
    expect(page.get_by_role("table", name="Corrections")).to_contain_text("revision")
