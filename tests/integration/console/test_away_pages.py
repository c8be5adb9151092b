"""What every page says while the server or a dependency is away, and that it is fresh again once that is back.

All pages stand open side by side, each in a browser context of its own, as of several people. These tests kill servers
of the stack, and run before the world of the other tests begins.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from infra.stack import Endpoints
from tests.support.bare_console import BareConsole, bare_console
from tests.support.browser import seen, watched_context
from tests.support.providers import TestStack

pytestmark = pytest.mark.slow

Pages = Mapping[str, Page]
PAGES = {
    "flow": "flow", "tape": "signals?symbol=AWAY*", "by symbol": "signals?view=symbols",
    "held": "signals?view=held&symbol=AWAY1", "models": "models", "drift": "drift", "quality": "data?view=quality",
    "corrections": "data?view=corrections", "replays": "runs", "backtests": "runs/backtests",
}  # fmt: skip
CLOCK = r"\d\d:\d\d:\d\d UTC"
OLD = re.compile(rf"Could not be renewed .* Shown is what was true at {CLOCK}")


@pytest.fixture(scope="module")
def bare(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareConsole]:
    # These pages come back before the server has missed the connections that they had.
    many = {"max_pages_per_address": 4 * len(PAGES)}
    with bare_console(endpoints, tmp_path_factory.mktemp("away"), api=many) as console:
        console.send(["AWAY1"], bar=1)
        yield console


@pytest.fixture(scope="module")
def opened(bare: BareConsole, browser: Browser) -> Iterator[Pages]:
    """Every page, loaded."""
    with ExitStack() as ending:
        pages = {}
        for name, path in PAGES.items():
            context, faults = ending.enter_context(watched_context(browser))
            for part in ("net::ERR_", "status of 503", "status 503"):
                faults.allow(part)  # what is away answers so
            pages[name] = context.new_page()
            pages[name].goto(f"{bare.url}/console/{path}")
        for name, page in pages.items():
            loaded(name, page)
        yield pages


def loaded(name: str, page: Page) -> None:
    expect(page.get_by_text("live", exact=True), name).to_be_visible()
    expect(page.locator(".skeleton"), name).to_have_count(0)


def fresh(name: str, page: Page) -> None:
    """Nothing on the page is of before."""
    loaded(name, page)
    expect(page.locator(".stale, .banner, .state.error"), name).to_have_count(0)


def read_anew(pages: Pages) -> None:
    for page in pages.values():
        seen(page, hidden=True)
        seen(page, hidden=False)


def told(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.get_by_text(text).first


def test_the_server_goes_away_and_comes_back(bare: BareConsole, opened: Pages) -> None:
    bare.stop()
    for name, page in opened.items():
        expect(told(page, re.compile(f"The server does not answer since {CLOCK}")), name).to_be_visible()
        expect(page.get_by_text("no connection", exact=True), name).to_be_visible()
    expect(told(opened["tape"], "AWAY1")).to_be_visible()
    expect(told(opened["flow"], "not known")).to_be_visible()
    bare.send(["AWAY2"], bar=2)  # meanwhile
    bare.start()
    for name, page in opened.items():
        fresh(name, page)
    for name in ("tape", "by symbol"):
        expect(opened[name].get_by_text("AWAY2", exact=True)).to_be_visible()


def test_postgres_goes_away_and_comes_back(stack: TestStack, bare: BareConsole, opened: Pages) -> None:
    says: dict[str, str | re.Pattern[str]] = {
        "flow": "Postgres does not answer", "tape": re.compile("the store can't be read, so only what came lately"),
        "by symbol": OLD, "held": OLD, "models": "What Postgres holds is missing here", "drift": OLD, "quality": OLD,
        "corrections": OLD,
    }  # fmt: skip
    stack.kill("postgres")
    try:
        read_anew(opened)
        for name, text in says.items():
            expect(told(opened[name], text), name).to_be_visible()
        for name in ("replays", "backtests"):  # nothing of theirs lies there
            fresh(name, opened[name])
        bare.send(["AWAY3"], bar=3)
        expect(opened["tape"].get_by_text("AWAY3", exact=True)).to_be_visible()
    finally:
        stack.start_server("postgres")
    read_anew(opened)
    for name, page in opened.items():
        fresh(name, page)
    expect(opened["flow"].get_by_text("postgres answers")).to_be_visible()


@pytest.mark.slow  # a quarter of a minute until everybody has noticed
def test_kafka_goes_away_and_comes_back(stack: TestStack, bare: BareConsole, opened: Pages) -> None:
    says = {
        "flow": "Kafka does not answer", "tape": "signals are not followed", "by symbol": "signals are not followed",
        "models": "What is in force can't be followed at the moment",
    }  # fmt: skip
    stack.kill("kafka")
    try:
        expect(told(opened["flow"], says["flow"])).to_be_visible()
        read_anew(opened)
        for name, text in says.items():
            expect(told(opened[name], text), name).to_be_visible()
        expect(told(opened["tape"], "AWAY1")).to_be_visible()
        for name in opened.keys() - says.keys():
            fresh(name, opened[name])
    finally:
        stack.start_server("kafka")
    expect(opened["flow"].get_by_text("kafka answers")).to_be_visible(timeout=60_000)
    read_anew(opened)
    for name, page in opened.items():
        fresh(name, page)
    bare.send(["AWAY4"], bar=4)
    expect(opened["tape"].get_by_text("AWAY4", exact=True)).to_be_visible()
