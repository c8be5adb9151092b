"""The console by keyboard and by screen reader: axe-core's rules on every page, and what no rule can see."""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import Watched, watched_context
from tests.support.console_pages import axe_faults, opened_pages
from tests.support.console_runs import written
from tests.support.console_world import ConsoleWorld

pytestmark = pytest.mark.slow

#: Every element that a script listens to for clicks, as it is told; `click` of the document is nobody's.
_LISTENED = """const added = EventTarget.prototype.addEventListener; window.clicked = new Set();
EventTarget.prototype.addEventListener = function (type, ...more) {
  if (type === 'click' && this instanceof Element) window.clicked.add(this);
  return added.call(this, type, ...more);
}"""
#: Those of them that a person sees and the keyboard can't get to: no control and within none, no rows of a grid, no
#: picture (what it shows stands beside it, as a list).
_MOUSE_ONLY = """() => [...window.clicked].filter((one) => one.isConnected && one.checkVisibility()
  && !one.closest('a[href], button, input, select, summary, label, [role=grid], [tabindex="0"], .chart, .heat-picture')
  ).map((one) => one.outerHTML.slice(0, 120))"""
#: What Tab should stop at; of radio buttons and the like there are none.
_STOPS = """() => { window.stops = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({visibilityProperty: true}));
  window.met = new Set(); return window.stops.length; }"""
_MEET = """() => { const one = document.activeElement; window.met.add(one);
  const drawn = one.getAttribute('role') === 'grid' ? one.parentElement : one, style = getComputedStyle(drawn);
  const shown = one === document.body || style.outlineStyle !== 'none' || style.boxShadow !== 'none';
  return shown ? '' : one.outerHTML.slice(0, 120); }"""
_MISSED = """() => window.stops.filter((one) => one.isConnected && !window.met.has(one))
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_on_any_page(console_world: ConsoleWorld, browser: Browser, scheme: str) -> None:
    written(console_world.settings, f"looked-at-{scheme}")
    found: dict[str, list[str]] = {}
    with watched_context(browser, color_scheme=scheme, bypass_csp=True) as (context, _):
        page = context.new_page()
        for path in opened_pages(console_world, page):
            found[path] = axe_faults(page)
        page.goto(f"{console_world.url}/console/models")
        page.get_by_role("button", name="Pause …").first.click()
        expect(page.get_by_role("dialog").locator(".effects")).to_be_visible()
        found["a dialog"] = axe_faults(page)
        page.goto(f"{console_world.url}/console/drift?only=all")
        page.locator(".alert-head").first.click()
        expect(page.locator(".alert-body")).to_be_visible()
        found["an alert"] = axe_faults(page)
        page.goto(f"{console_world.url}/console/flow")
        page.get_by_role("button", name="Count").click()
        expect(page.get_by_text("counted at")).to_be_visible(timeout=60_000)
        found["counted"] = axe_faults(page)
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_axe_would_find_one(page: Page, console_world: ConsoleWorld) -> None:
    page.goto(f"{console_world.url}/console/data")
    expect(page.get_by_role("combobox", name="Symbol")).to_be_visible()
    page.evaluate("document.querySelector('main').append(document.createElement('button'), new Image())")
    assert {line.partition(":")[0] for line in axe_faults(page)} >= {"button-name", "image-alt"}


def test_every_control_is_reached_by_tab_and_shows_it(
    console_world: ConsoleWorld, watched: tuple[BrowserContext, Watched]
) -> None:
    page = watched[0].new_page()
    page.add_init_script(_LISTENED)
    missed, unseen, listened = {}, {}, 0
    for path in opened_pages(console_world, page):
        if not path.startswith("runbook"):
            mouse_only = page.evaluate(_MOUSE_ONLY)
            assert mouse_only == [], path
            listened += page.evaluate("window.clicked.size")
        stops = page.evaluate(_STOPS)
        assert stops > 5, path
        marks = []
        for _ in range(stops + 3):
            page.keyboard.press("Tab")
            marks.append(page.evaluate(_MEET))
        missed[path], unseen[path] = page.evaluate(_MISSED), [one for one in marks if one]
    assert listened > 50, "listeners are not seen any more"
    assert {path: found for path, found in missed.items() if found} == {}
    assert {path: found for path, found in unseen.items() if found} == {}


def test_a_grid_says_which_row_is_meant(console_world: ConsoleWorld, page: Page) -> None:
    """The focus stays with the grid: what a screen reader reads is the row that it names."""
    for number in range(3):
        written(console_world.settings, f"read-{number}")
    for path, name in (
        ("signals?symbol=S004", "newest first"),
        ("runs/backtests", "Backtests"),
        ("signals?view=symbols", "each symbol"),
    ):
        page.goto(f"{console_world.url}/console/{path}")
        grid = page.get_by_role("grid", name=re.compile(name))
        expect(grid.locator('tr[aria-rowindex="4"]')).to_be_visible()  # before there are rows, keys lead nowhere
        grid.focus()
        for key, index in (("ArrowDown", 3), ("ArrowDown", 4), ("ArrowUp", 3), ("Home", 2)):
            page.keyboard.press(key)
            row = grid.locator(f'tr[aria-rowindex="{index}"]')
            expect(grid).to_have_attribute("aria-activedescendant", str(row.get_attribute("id")))
            expect(row).to_have_class(re.compile("meant"))
        assert grid.locator("tr.meant").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_a_dialog_has_the_focus_keeps_it_and_gives_it_back(console_world: ConsoleWorld, page: Page) -> None:
    page.goto(f"{console_world.url}/console/models")
    button = page.get_by_role("button", name="Pause …").first
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_accessible_name(re.compile("^Pause"))
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def test_colours_are_chosen_and_kept(console_world: ConsoleWorld, page: Page) -> None:
    page.goto(f"{console_world.url}/console/flow")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="dark colours").click()
    assert page.evaluate(paper) == "rgb(14, 21, 27)"
    page.reload()
    page.get_by_role("button", name="light colours").click()
    assert page.evaluate(paper) == light
