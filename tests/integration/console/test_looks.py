"""Every page with something on it, dark and light, wide and as narrow as a telephone: nothing is beyond the window."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from schemas.times import iso
from tests.support.browser import watched_context
from tests.support.console_world import ConsoleWorld
from tests.support.explained_run import REVISED, at

pytestmark = pytest.mark.slow

PAGES = (
    "flow", "signals", "signals?view=symbols", "signals?view=held&symbol=S004", "models", "models/daily:1", "drift",
    "data", f"data?symbol={REVISED[0]}&interval=1m&at={quote(iso(at(REVISED[1])))}&knowledge=available",
    "data?view=quality", "data?view=coverage", "data?view=corrections", "runs", "runs/backtests", "runbook#ic_fell",
)  # fmt: skip


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1280)])
def test_pages_fit_their_window(console_world: ConsoleWorld, browser: Browser, scheme: str, width: int) -> None:
    (newest,) = console_world.api.get("/console/api/signals/tape", params={"limit": 1, "symbol": "S004"}).json()["rows"]
    wider = {}
    with watched_context(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as (context, _):
        page = context.new_page()
        for path in (*PAGES, f"signals/{newest[1]}"):
            page.goto(f"{console_world.url}/console/{path}")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.locator(".skeleton")).to_have_count(0, timeout=20_000)
            beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if beyond > 0:
                wider[path] = beyond
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (paper == "rgb(14, 21, 27)") == (scheme == "dark"), path
    assert wider == {}
