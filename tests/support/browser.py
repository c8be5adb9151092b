"""Pages in a real Chromium: what a page must not do fails the test that opened it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support import debian_tools

if TYPE_CHECKING:  # every test session loads this file, and few need what it takes to import a browser's driver
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

#: A page of a test talks to this machine only.
LOCAL = ("127.0.0.1", "localhost", "")
#: What a page may take to show what a test waits for, on a machine that does much else.
_PATIENCE_MS = 30_000
_VIOLATIONS = """document.addEventListener('securitypolicyviolation', event =>
  console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI}`))"""


@dataclass
class Watched:
    """What went wrong in the pages of one context: a line for each fault.

    `allow(part)`: a fault whose line has this part is expected by the test (a refused action logs its status).
    """

    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, part: str) -> None:
        """Expect faults that contain `part`."""
        self.allowed.append(part)

    def unexpected(self) -> list[str]:
        """The faults that no test expected."""
        return [line for line in self.faults if not any(part in line for part in self.allowed)]

    def watch(self, page: Page) -> None:
        """Note console errors, uncaught errors, violations of the policy, and requests that leave the machine."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)
        page.add_init_script(_VIOLATIONS)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            place = message.location
            self.faults.append(f"console {message.type}: {message.text} ({place['url']}:{place['lineNumber']})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and (parts.hostname or "") not in LOCAL:
            self.faults.append(f"request to another host: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure and "ERR_ABORTED" not in request.failure:  # a page that is left ends its streams
            self.faults.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.faults.append(f"status {response.status}: {response.url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module, without a window; it takes half a second to start.

    It comes from Debian (`debian_tools`), and has no sandbox of its own, as root may not have one; pages are ours.
    Not for the session: while Playwright runs, its event loop occupies the thread, and no async test could run.
    """
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_PATIENCE_MS)
    executable = debian_tools.chromium()
    with tempfile.TemporaryDirectory(prefix="signaltape-browser-") as home, sync_playwright() as playwright:
        environment: dict[str, Any] = {**os.environ, "HOME": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home}
        started = playwright.chromium.launch(
            executable_path=str(executable),
            headless=True,
            chromium_sandbox=False,
            args=["--disable-gpu", "--disable-dev-shm-usage"],
            env=environment,
        )
        yield started
        started.close()


def seen(page: Page, *, hidden: bool) -> None:
    """Let a page believe that its tab went to the back, or came to the front again: then it reads anew."""
    page.evaluate(
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


@contextlib.contextmanager
def watched_context(browser: Browser, **options: Any) -> Iterator[tuple[BrowserContext, Watched]]:
    """A context (cookies, storage, size, colour scheme) whose pages are watched; fails at its end for what they did."""
    watched = Watched()
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(_PATIENCE_MS)
    context.on("page", watched.watch)
    try:
        yield context, watched
    finally:
        context.close()
    assert watched.unexpected() == []


@pytest.fixture
def watched(browser: Browser) -> Iterator[tuple[BrowserContext, Watched]]:
    """A context of this test's own, in the default size and the light scheme."""
    with watched_context(browser) as made:
        yield made


@pytest.fixture
def page(watched: tuple[BrowserContext, Watched]) -> Page:
    """A page of this test's own."""
    context, _ = watched
    return context.new_page()
