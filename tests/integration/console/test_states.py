"""What pages show before there is something: while they load, and where nothing has happened yet."""

import re
import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from infra.stack import Endpoints
from schemas.times import iso
from tests.support.bare_console import BareConsole, bare_console
from tests.support.browser import Watched, watched_context
from tests.support.console_pages import PATHS, axe_faults
from tests.support.console_world import ConsoleWorld
from tests.support.explained_run import at

pytestmark = pytest.mark.slow

#: Page → what it says, every part of it that has nothing to show.
EMPTY = {
    "flow": ("Nothing has flowed yet", "features does not run"),
    "signals": ("No signal was sent yet", "No notice"),
    "signals?view=symbols": ("No signal was sent yet",),
    "signals?view=held": ("Name a symbol",),
    "models": (
        "No model has been promoted to any strategy.", "No model is registered yet.", "Nothing has been decided yet.",
    ),
    "models?record=asked": ("Nobody has asked for a change over HTTP yet.",),
    "drift": ("Nothing has been measured yet", "No such alert is stored", "What waits is not known"),
    "data": ("Choose a symbol",),
    "data?view=quality": ("No bar is stored in this range",),
    "data?view=coverage": ("No bar of this interval is stored in this range",),
    "data?view=corrections": ("No such correction",),
    "runs": ("There is no replay",),
    "runs/backtests": ("There is no backtest",),
}  # fmt: skip


@pytest.fixture(scope="module")
def bare(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareConsole]:
    with bare_console(endpoints, tmp_path_factory.mktemp("empty")) as console:
        yield console


def test_where_nothing_has_happened_every_part_says_so(bare: BareConsole, browser: Browser) -> None:
    found = {}
    with watched_context(browser, bypass_csp=True) as (context, _):
        page = context.new_page()
        for path, texts in EMPTY.items():
            page.goto(f"{bare.url}/console/{path}")
            for text in texts:
                expect(page.get_by_text(text).first, path).to_be_visible()
            expect(page.locator(".skeleton"), path).to_have_count(0)
            expect(page.get_by_role("alert"), path).to_have_count(0)
            found[path] = axe_faults(page)
    assert {path: lines for path, lines in found.items() if lines} == {}


#: Those that ask before they show something; the runbook is there at once, and so is the choice of a symbol.
LOADED = [path for path in PATHS if path != "data" and not path.startswith("runbook")]


@pytest.mark.parametrize("path", [*LOADED, f"signals/at?symbol=S004&at={quote(iso(at(20)))}"])
def test_what_is_on_its_way_is_told_and_takes_the_place_of_what_says_so(
    console_world: ConsoleWorld, watched: tuple[BrowserContext, Watched], path: str
) -> None:
    page: Page = watched[0].new_page()
    held: list[Route] = []
    let = threading.Event()

    def hold(route: Route) -> None:
        if let.is_set():
            route.continue_()
        else:
            held.append(route)

    page.route(re.compile("/console/(api/|events)"), hold)
    page.goto(f"{console_world.url}/console/{path}")
    loading = page.get_by_role("status").filter(has=page.locator(".visually-hidden", has_text="…"))
    expect(loading.first).to_be_visible()
    expect(page.locator("main").get_by_role("alert")).to_have_count(0)
    assert held
    let.set()
    for route in held:
        route.continue_()
    expect(loading).to_have_count(0)
    expect(page.locator("main").get_by_role("alert")).to_have_count(0)
    page.unroute_all(behavior="ignoreErrors")
