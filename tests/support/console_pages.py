"""Every page of the console with something on it, for what must hold on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from schemas.times import iso
from tests.support.console_world import ConsoleWorld
from tests.support.explained_run import REVISED, at

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATHS = (
    "flow", "signals", "signals?view=symbols", "signals?view=held&symbol=S004", "models", "models/daily:1", "drift",
    "data", f"data?symbol={REVISED[0]}&interval=1m&at={quote(iso(at(REVISED[1])))}&knowledge=available",
    "data?view=quality", "data?view=coverage", "data?view=corrections", "runs", "runs/backtests", "runbook#ic_fell",
)  # fmt: skip


def opened_pages(world: ConsoleWorld, page: Page) -> Iterator[str]:
    """The path of each page and of one signal, once it is there and nothing of it is loading any more."""
    from playwright.sync_api import expect

    (newest,) = world.api.get("/console/api/signals/tape", params={"limit": 1, "symbol": "S004"}).json()["rows"]
    for path in (*PATHS, f"signals/{newest[1]}"):
        page.goto(f"{world.url}/console/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".skeleton")).to_have_count(0)
        yield path


def axe_faults(page: Page) -> list[str]:
    """What axe-core finds on a page, a line for each element; in a context with `bypass_csp` on every page."""
    from axe_playwright_python.sync_playwright import Axe

    found: dict[str, Any] = Axe().run(page).response
    assert len(found["passes"]) > 15, "it has looked at next to nothing"
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]
