"""A console that shows nothing without a token: asked for once, told why where there is no place for a page."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from infra.stack import Endpoints
from tests.support.bare_console import TOKEN, BareConsole, bare_console
from tests.support.browser import Watched
from tests.support.waiting import wait_for

READS = "a-token-that-only-reads"


@pytest.fixture(scope="module")
def bare(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareConsole]:
    api = {"read_needs_token": True, "read_tokens": {"desk-7": READS}, "max_pages_per_address": 2}
    with bare_console(endpoints, tmp_path_factory.mktemp("closed"), api) as console:
        yield console


def sign_in(page: Page, token: str) -> None:
    page.get_by_role("textbox", name="Token").fill(token)
    page.get_by_role("textbox", name="Token").press("Enter")


def test_a_page_asks_for_a_token_before_it_asks_for_anything_else(
    bare: BareConsole, watched: tuple[BrowserContext, Watched]
) -> None:
    context, faults = watched
    page, asked = context.new_page(), list[str]()

    def note(request: Request) -> None:
        asked.append(request.url.removeprefix(bare.url))

    page.on("request", note)
    page.goto(f"{bare.url}/console/signals")
    expect(page.get_by_role("heading", name="A token is needed")).to_be_visible()
    expect(page.get_by_role("textbox", name="Token")).to_be_focused()
    assert {one for one in asked if "/static/" not in one} == {"/console/signals", "/console/session"}

    faults.allow("status of 401")
    sign_in(page, "a-token-of-nobody")
    expect(page.get_by_role("alert")).to_have_text("This token is not known.")
    expect(page.get_by_role("textbox", name="Token")).to_be_focused()
    sign_in(page, READS)
    expect(page.get_by_text("No signal was sent yet")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text=re.compile("^live$"))).to_be_visible()
    page.reload()
    expect(page.get_by_text("No signal was sent yet")).to_be_visible()
    assert page.evaluate("document.cookie") == "", "no script can see the session"

    page.get_by_role("button", name="end the session").click()
    expect(page.get_by_role("heading", name="A token is needed")).to_be_visible()
    assert page.request.get(f"{bare.url}/console/api/models/audit").status == 401


def test_who_may_read_is_asked_for_another_token_before_a_change(
    bare: BareConsole, watched: tuple[BrowserContext, Watched]
) -> None:
    context, faults = watched
    faults.allow("status of 429")  # the pages of the test before may not have been missed yet
    page = context.new_page()
    page.goto(f"{bare.url}/console/models")
    sign_in(page, READS)
    page.get_by_role("button", name="Pause …").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("a try")
    dialog.get_by_label("Token").fill(READS)
    faults.allow("status of 403")
    dialog.get_by_role("button", name=re.compile("^Pause")).click()
    expect(dialog.get_by_role("alert")).to_contain_text("'desk-7' may read, and change nothing")


def test_a_page_for_which_there_is_no_place_says_so_and_gets_the_next_one(
    bare: BareConsole, watched: tuple[BrowserContext, Watched]
) -> None:
    context, faults = watched
    faults.allow("status of 429")
    with ExitStack() as held:
        client = held.enter_context(httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30))
        read = list[Iterator[bytes]]()  # one that nobody holds closes its connection

        def holds_one() -> bool:
            stream = held.enter_context(client.stream("GET", f"{bare.url}/console/events"))
            read.append(stream.iter_raw())
            return stream.status_code == 200 and bool(next(read[-1]))

        for _ in range(2):  # pages of other tests may not have been missed yet
            wait_for(holds_one, 30, "a place for a page", 0.2)
        page = context.new_page()
        page.goto(f"{bare.url}/console/signals")
        sign_in(page, TOKEN)
        expect(page.get_by_role("alert")).to_contain_text("2 pages are open already from this address")
        expect(page.get_by_text("No signal was sent yet")).to_be_visible()  # what is asked for is answered
    expect(page.get_by_role("status").filter(has_text=re.compile("^live$"))).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
