"""The page Flow in a real browser: a service that dies is named, with what to do, and forgotten once it is back."""

import re

from playwright.sync_api import Page, expect

from tests.support.console_world import ConsoleWorld
from tests.support.services import ServiceProcess


def test_the_picture_and_a_service_that_dies(console_world: ConsoleWorld, page: Page) -> None:
    stand = console_world.stand
    page.goto(f"{console_world.url}/console/flow")
    picture = page.locator("svg.pipeline")
    expect(picture).to_have_attribute("aria-label", _with("responder ready"))
    expect(page.get_by_role("heading", name="Consumer groups")).to_be_visible()
    stand.services["responder"].kill()
    problem = page.get_by_role("listitem").filter(has_text="responder is down")
    expect(problem).to_be_visible()
    expect(problem).to_contain_text("signaltape run responder")
    expect(page.get_by_text("degraded", exact=True)).to_be_visible()
    expect(picture).to_have_attribute("aria-label", _with("responder down"))
    stand.services["responder"] = ServiceProcess(stand.settings, "responder")
    stand.services["responder"].wait_ready()
    expect(problem).to_have_count(0)
    expect(picture).to_have_attribute("aria-label", _with("responder ready"))


def test_counting_both_sides_from_the_page(console_world: ConsoleWorld, page: Page) -> None:
    page.goto(f"{console_world.url}/console/flow")
    page.get_by_role("button", name="Count").click()
    expect(page.get_by_text("signals → table")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("counted at")).to_be_visible()


def _with(part: str) -> re.Pattern[str]:
    return re.compile(part)
