"""Every page with something on it, dark and light, wide and as narrow as a telephone: nothing is beyond the window."""

import pytest
from playwright.sync_api import Browser

from tests.support.browser import watched_context
from tests.support.console_pages import opened_pages
from tests.support.console_world import ConsoleWorld

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1280)])
def test_pages_fit_their_window(console_world: ConsoleWorld, browser: Browser, scheme: str, width: int) -> None:
    wider = {}
    with watched_context(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as (context, _):
        page = context.new_page()
        for path in opened_pages(console_world, page):
            beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if beyond > 0:
                wider[path] = beyond
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (paper == "rgb(14, 21, 27)") == (scheme == "dark"), path
    assert wider == {}
