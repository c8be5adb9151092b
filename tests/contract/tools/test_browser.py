"""The browser of the tests starts, and a page that misbehaves fails its test."""

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import watched_context
from tests.support.waiting import wait_for

WIDTH_OF = """text => {
  const range = document.createRange();
  document.body.textContent = text;
  range.selectNodeContents(document.body);
  return range.getBoundingClientRect().width;
}"""


def test_a_page_is_drawn_with_fonts(page: Page) -> None:
    page.goto("data:text/html,<h1 id=a>Signals</h1><script>document.title='ran'</script>")
    assert page.title() == "ran"
    assert page.locator("#a").inner_text() == "Signals"
    narrow, wide = (page.evaluate(WIDTH_OF, text) for text in ("iiii", "WWWW"))
    assert wide > narrow * 2 > 0  # a machine without fonts draws boxes of one width


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("console.error('broken')", "console error: broken"),
        ("setTimeout(() => { throw new Error('late') })", "uncaught: late"),
        ("fetch('http://192.0.2.1/beacon').catch(() => 0)", "request to another host: http://192.0.2.1/beacon"),
        ("eval('1')", "CSP: script-src refused eval"),
    ],
)
def test_a_page_that_misbehaves_fails_its_test(browser: Browser, script: str, said: str) -> None:
    policy = "<meta http-equiv=Content-Security-Policy content=\"script-src 'unsafe-inline'\">"
    seen = watched_context(browser)
    context, watched = seen.__enter__()
    page = context.new_page()
    page.goto(f"data:text/html,{policy}<script>{script}</script>")
    wait_for(lambda: page.evaluate("1") and [line for line in watched.faults if said in line], what=said)
    with pytest.raises(AssertionError, match=r"== \[\]"):
        seen.__exit__(None, None, None)
