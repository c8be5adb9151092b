"""The tape in a real browser, over topics that a test writes: live, bursts, and back to the oldest that is kept."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from infra.stack import Endpoints
from schemas.intervals import MINUTE
from tests.support.bare_console import T0, BareConsole, bare_console
from tests.support.browser import seen
from tests.support.stored_signals import store_signals

HOSTILE = "<img src=x onerror=alert(1)>"
#: Milliseconds of JavaScript for each second in which 5,000 signals came; measured: see docs/console.md.
MOST_SCRIPTING_MS = 25


@pytest.fixture(scope="module")
def bare(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareConsole]:
    with bare_console(endpoints, tmp_path_factory.mktemp("bare")) as console:
        yield console


def test_an_empty_pipeline_says_what_to_do_first(bare: BareConsole, page: Page) -> None:
    page.goto(f"{bare.url}/console/flow")
    expect(page.get_by_role("heading", name="Nothing has flowed yet")).to_be_visible()
    expect(page.get_by_text("signaltape publish FILE")).to_be_visible()
    expect(page.get_by_text("features does not run")).to_be_visible()
    page.get_by_role("link", name="Signals").click()
    expect(page.get_by_text("No signal was sent yet")).to_be_visible()
    expect(page).to_have_title("Signals · signaltape")


def test_signals_appear_stand_still_and_go_on(bare: BareConsole, page: Page) -> None:
    page.goto(f"{bare.url}/console/signals")
    expect(page.get_by_text("No signal was sent yet")).to_be_visible()
    bare.send(["AAPL", HOSTILE], bar=1)
    rows = page.get_by_role("grid", name=re.compile("newest first")).locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(page.get_by_text(HOSTILE, exact=True)).to_be_visible()

    page.get_by_role("button", name="Stand still").click()
    bare.send(["MSFT", "IBM", "AAPL"], bar=2, signal="short", confidence=0.8)
    new = page.get_by_role("button", name="3 new signals")
    expect(new).to_be_visible()
    expect(rows).to_have_count(2)
    new.click()
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("2023-11-16 14:32:00")
    page.get_by_role("button", name="Go on").click()

    page.get_by_label("Direction").select_option("long")
    expect(rows).to_have_count(2)
    assert "direction=long" in page.url
    bare.send(["GOOG"], bar=3, signal="short")
    bare.send(["FB"], bar=3)
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("FB")
    page.get_by_role("textbox", name="Symbol").fill("NOBODY")
    page.get_by_role("textbox", name="Symbol").press("Enter")
    expect(page.get_by_text("No signal passes these filters")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(rows).to_have_count(7)


@contextmanager
def little_scripting(page: Page) -> Iterator[None]:
    """The page's scripts took little of the time until the block ends, at three bursts of 5,000 signals within it.

    Their time is that of the thread: what other tests do on this machine is not the page's.
    """
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def scripting() -> float:
        found = devtools.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in found if one["name"] == "ScriptDuration"))

    before, begun = scripting(), time.monotonic()
    yield
    seconds = time.monotonic() - begun
    a_second = 1000 * (scripting() - before) / max(seconds, 3.0)
    print(f"{a_second:.0f} ms of scripting a second, over {seconds:.1f} s")
    assert a_second < MOST_SCRIPTING_MS


@pytest.mark.slow
def test_bursts_of_5000_symbols_don_t_hold_up_the_page(bare: BareConsole, page: Page) -> None:
    symbols = [f"B{number:04}" for number in range(5_000)]
    page.goto(f"{bare.url}/console/signals?view=symbols&symbol=B*")
    expect(page.get_by_text("No signal was sent yet").or_(page.get_by_text("No signal passes"))).to_be_visible()
    bare.send(symbols, bar=10)
    expect(page.get_by_text(re.compile("5,000 rows: 5,000 long"))).to_be_visible()
    with little_scripting(page):
        for bar, side in ((11, "short"), (12, "flat"), (13, "long")):
            bare.send(symbols, bar=bar, signal=side)
            expect(page.get_by_text(re.compile(f"5,000 {side}"))).to_be_visible()
    assert page.locator(".virtual tbody tr").count() < 100
    page.get_by_role("button", name="Score (bp)").click()
    page.get_by_role("grid", name=re.compile("newest signal of each symbol")).press("End")
    expect(page.locator('.virtual tr[aria-rowindex="5001"]')).to_be_visible()

    page.get_by_role("button", name="Tape").click()
    newest = page.get_by_role("grid", name=re.compile("newest first")).locator('tr[aria-rowindex="2"]')
    expect(newest).to_contain_text("14:43:00")
    with little_scripting(page):
        for bar, close in ((14, "14:44:00"), (15, "14:45:00"), (16, "14:46:00")):
            bare.send(symbols, bar=bar)
            expect(newest).to_contain_text(close)
            expect(page.get_by_text(re.compile("5,000 signals, the newest of more"))).to_be_visible()


_COUNTED = """const Own = EventSource; window.streams = [];
window.EventSource = class extends Own { constructor(url) { super(url); window.streams.push(this); } };"""


def test_a_tab_that_nobody_sees_holds_no_connection_and_catches_up(bare: BareConsole, page: Page) -> None:
    def connections() -> int:
        return int(page.evaluate("window.streams.filter((one) => one.readyState !== EventSource.CLOSED).length"))

    page.add_init_script(_COUNTED)
    page.goto(f"{bare.url}/console/signals?symbol=HID*")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(page.get_by_text("No signal passes these filters")).to_be_visible()
    assert connections() == 1
    seen(page, hidden=True)
    bare.send(["HID1"], bar=30)
    page.evaluate("dispatchEvent(new Event('online'))")
    assert connections() == 0
    seen(page, hidden=False)
    assert connections() == 1
    expect(page.get_by_text("HID1", exact=True)).to_be_visible()
    bare.send(["HID2"], bar=31)
    expect(page.get_by_text("HID2", exact=True)).to_be_visible()


def test_a_page_of_another_build_says_so(bare: BareConsole, page: Page) -> None:
    def older(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        body = re.sub(r'(name="signaltape-build" content=")[^"]*', r"\1of-before", answer.text())
        route.fulfill(response=answer, body=body)  # type: ignore[attr-defined]

    page.route("**/console/signals", older)
    page.goto(f"{bare.url}/console/signals")
    expect(page.get_by_text("The server runs another build than this page was made for")).to_be_visible()
    page.unroute("**/console/signals")
    page.get_by_role("button", name="Load the page again").click()
    expect(page.get_by_role("heading", name="Signals")).to_be_visible()
    expect(page.get_by_text("another build")).to_have_count(0)


def test_the_tape_is_led_back_to_the_oldest_that_is_kept_and_to_the_newest_again(bare: BareConsole, page: Page) -> None:
    store_signals(bare.settings, 2_300, symbols=700, newest=T0 + 39 * MINUTE, prefix="OLD")
    page.goto(f"{bare.url}/console/signals?symbol=OLD*")
    tape = page.get_by_role("grid", name=re.compile("newest first"))
    rows = tape
    expect(rows).to_have_attribute("aria-rowcount", "1001")
    older = page.get_by_role("button", name="Show 1,000 older")
    older.focus()
    page.keyboard.press("Enter")
    expect(rows).to_have_attribute("aria-rowcount", "2001")
    bare.send(["OLD1"], bar=40)  # waits while somebody looks back
    expect(page.get_by_role("button", name="1 new signal")).to_be_visible()
    older.press("Enter")
    end = page.get_by_text("This is the end: no older signal that passes these filters is kept")
    expect(end).to_be_focused()
    expect(end).to_contain_text("2023-11-16 15:06:00 UTC")
    expect(rows).to_have_attribute("aria-rowcount", "2301")
    tape.press("End")
    expect(tape.locator('tr[aria-rowindex="2301"]')).to_contain_text("2023-11-16 15:06:00")
    page.get_by_role("button", name="To the newest").click()
    expect(rows).to_have_attribute("aria-rowcount", "1001")
    tape.press("Home")
    expect(tape.locator('tr[aria-rowindex="2"]')).to_contain_text("2023-11-16 15:10:00")
