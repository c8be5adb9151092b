"""The page *Drift* in a browser: what a person sees and chooses."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from infra.warehouse import connect
from infra.warehouse.drift_report import drift_days
from signaltape.cli.drift_text import day_of
from tests.support.console_world import ConsoleWorld

pytestmark = pytest.mark.integration
STATES = {"firing": "Firing", "unknown": "Not known whether they fire", "once": "Happened once", "over": "Over"}


def opened(page: Page, world: ConsoleWorld, query: str = "") -> Page:
    page.goto(f"{world.url}/console/drift{query}")
    expect(page.get_by_role("heading", name="Features", exact=True)).to_be_visible()
    return page


def test_the_newest_figures_are_those_of_the_report(page: Page, console_world: ConsoleWorld) -> None:
    opened(page, console_world)
    with connect(console_world.settings) as connection:
        day = [one for one in drift_days(connection, strategy="daily", days=60) if one.ic is not None][-1]
    expect(page.locator(".drift-figures")).to_be_visible()
    assert day.ic is not None
    row = page.get_by_label("Figures by session").get_by_role("row").filter(has_text=day_of(day.session))
    expect(row).to_contain_text(f"{day.ic:+.3g}")
    expect(page.get_by_text(re.compile("Newest session 20"))).to_be_visible()
    expect(page.locator("figure").first).to_contain_text("Newest IC")
    expect(page.get_by_label("Series that were measured; Enter chooses one")).to_contain_text("daily")
    expect(page.locator(".chart canvas").nth(4)).to_be_attached()


def test_a_feature_is_chosen_by_the_keyboard_and_stands_in_the_address(page: Page, console_world: ConsoleWorld) -> None:
    opened(page, console_world)
    first = page.locator(".heat-row").first
    first.focus()
    page.keyboard.press("ArrowDown")
    name = page.locator(".heat-row .name").nth(1).inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Feature {name}")).to_be_visible()
    assert f"feature={name}" in page.url
    expect(page.locator(".histogram figcaption")).to_contain_text("training")
    page.reload()
    expect(page.get_by_role("heading", name=f"Feature {name}")).to_be_visible()


def test_an_alert_opens_to_its_evidence_and_leads_to_the_runbook_and_back(
    page: Page, console_world: ConsoleWorld
) -> None:
    opened(page, console_world, "?severity=severe&only=all")
    head = page.locator(".alert-head").first
    expect(head).to_contain_text("severe")
    head.focus()
    page.keyboard.press("Enter")
    body = page.locator(".alert-body").first
    expect(body).to_contain_text("against a threshold of")
    expect(body).to_contain_text("look at")
    expect(body).to_contain_text("Guard")
    expect(head).to_have_attribute("aria-expanded", "true")
    rule = page.locator(".alert-rule h4").first.inner_text()
    link = body.get_by_role("link", name=f"Runbook: {rule}")
    link.focus()
    page.keyboard.press("Enter")
    section = page.get_by_role("region", name=rule)
    expect(section).to_be_in_viewport()
    expect(section).to_be_focused()
    expect(section).to_contain_text("Escalate")
    assert page.url.endswith(f"/console/runbook#{rule}")
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.panel')).borderRadius") == "8px"
    )  # it has its styles
    page.get_by_role("link", name="no_signal", exact=True).first.click()
    expect(page.get_by_role("region", name="no_signal", exact=True)).to_be_in_viewport()
    page.go_back()
    page.go_back()
    expect(page.locator(".alert-body")).to_have_count(1)  # the address has kept which one was open
    page.goto(f"{console_world.url}/console/runbook")
    page.get_by_role("link", name="Drift", exact=True).click()
    expect(page.get_by_role("heading", name="Drift", exact=True)).to_be_visible()


def test_alerts_stand_by_state_and_kind_and_one_is_reached_by_its_link(page: Page, console_world: ConsoleWorld) -> None:
    found = console_world.api.get("/console/api/drift/alerts", params={"limit": 200}).json()
    page.goto(f"{console_world.url}/console/drift?only=all&alerts=200")
    groups = page.locator(".alert-group")
    names = [name for state, name in STATES.items() if any(one["state"] == state for one in found["alerts"])]
    expect(groups).to_have_count(len(names))
    assert [one.rpartition(" (")[0] for one in groups.locator(".alert-state h3").all_inner_texts()] == names
    assert names[0] == "Firing"
    firing = [one for one in found["alerts"] if one["state"] == "firing"]
    assert sorted(groups.first.locator("h4").all_inner_texts()) == sorted({one["rule"] for one in firing})
    rule, count = max(found["counts"].items(), key=lambda one: one[1])
    page.get_by_label("Kind of alerts").select_option(rule)
    heads = page.locator(".alert-rule h4")
    expect(heads.filter(has_not_text=re.compile(f"^{rule}$"))).to_have_count(0)
    expect(heads.first).to_have_text(rule)  # the list is empty while it is read anew
    assert set(heads.all_inner_texts()) == {rule}
    assert sum(int(one.split()[0]) for one in page.locator(".alert-rule .quiet").all_inner_texts()) == count
    other = next(one for one in found["alerts"] if one["rule"] != rule)
    page.goto(f"{console_world.url}/console/drift?only=all&rule={rule}&alert={other['alert_id']}")
    linked = page.get_by_role("region", name="Linked alert: 1 alert")
    expect(linked.locator(".alert-body")).to_contain_text(other["alert_id"])
    page.goto(f"{console_world.url}/console/drift?only=all&alert=nobody")
    expect(page.get_by_text("No alert nobody is stored.")).to_be_visible()


def test_policy_and_labels_are_told(page: Page, console_world: ConsoleWorld) -> None:
    opened(page, console_world)
    expect(page.get_by_text("false alarms a year per model")).to_be_visible()
    expect(page.get_by_role("table", name="Measured false alarms and delays")).to_contain_text("market")
    expect(page.get_by_role("table", name="Predictions that wait for their labels")).to_contain_text("alpha")


def test_an_unknown_series_is_said_as_text(page: Page, console_world: ConsoleWorld) -> None:
    page.goto(f"{console_world.url}/console/drift?strategy=x&subject=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    expect(page.get_by_text("There is no such series")).to_be_visible()
    expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()


def test_loading_and_failure_are_designed_and_recover(watched: tuple[Any, Any], console_world: ConsoleWorld) -> None:
    context, faults = watched
    faults.allow("503")
    page = context.new_page()
    away = {"error": {"code": "store_unavailable", "message": "Postgres does not answer", "fields": []}}
    page.route("**/console/api/drift/series", lambda route: route.fulfill(status=503, json=away))
    page.goto(f"{console_world.url}/console/drift")
    expect(page.get_by_role("alert")).to_contain_text("Postgres does not answer")
    page.unroute("**/console/api/drift/series")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Features", exact=True)).to_be_visible()
