"""The page *Models* in a real browser: what a person does with mouse and keyboard, and what is refused."""

import json
import os
import re
import signal

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Request, expect

from signaltape.client import Control
from tests.support.browser import Watched
from tests.support.console_desk import HOSTILE_REASON, Desk
from tests.support.console_world import TOKEN, ConsoleWorld
from tests.support.services import ServiceProcess
from tests.support.waiting import wait_for

Watching = tuple[BrowserContext, Watched]


@pytest.fixture(scope="module")
def desk(console_world: ConsoleWorld, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Four tested versions of ``page``; the first is live, the second was never compared with it."""
    found = Desk(console_world, "page")
    found.register(tmp_path_factory.mktemp("page"), 4)
    assert found.change("promote", model="page:1", reason="the first one").status_code == 200
    found.next_bar()
    return found


@pytest.fixture
def page(page: Page, desk: Desk) -> Page:
    opened(page, desk.world.url)
    return page


def opened(page: Page, url: str) -> None:
    page.goto(f"{url}/console/models")
    expect(strategy(page)).to_be_visible()


def strategy(page: Page) -> Locator:
    return page.get_by_role("region", name="Strategy page", exact=True)


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def told(page: Page, text: str) -> None:
    """The dialog says what will happen."""
    expect(dialog(page).locator(".effects")).to_contain_text(text)


def fill(page: Page, reason: str, token: str = "") -> None:
    dialog(page).get_by_role("textbox", name="Reason").fill(reason)
    if token:
        dialog(page).get_by_label("Token").fill(token)


def ask_pause(page: Page, reason: str, token: str = TOKEN) -> Locator:
    """Open the strategy's pause, fill it in, and return the button that confirms it."""
    strategy(page).get_by_role("button", name="Pause …").click()
    told(page, "Signals of strategy page stop: from the next bar on, on all 2 partitions.")
    fill(page, reason, token)
    return dialog(page).get_by_role("button", name="Pause", exact=True)


def close(page: Page) -> None:
    dialog(page).get_by_role("button", name="Close").click()
    expect(dialog(page)).to_have_count(0)


def test_promotion_by_keyboard_past_a_closed_gate(page: Page, desk: Desk, watched: Watching) -> None:
    """Confirmation names both models; force is a choice of its own; a wrong token is asked for again."""
    watched[1].allow("401")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("page:2")
    page.get_by_role("button", name="Promote page:2").focus()
    page.keyboard.press("Enter")
    dialog(page).get_by_label("Strategy").select_option("page")
    told(page, "page:2 takes the place of page:1 in strategy page: from the next bar on, on all 2 partitions.")
    gates = dialog(page).get_by_role("table")
    closed = gates.get_by_role(
        "row", name=re.compile("comparison . closed it was never compared with page:1, which is live")
    )
    expect(closed).to_be_visible()
    expect(dialog(page).get_by_role("button", name="Promote page:2")).to_be_disabled()
    dialog(page).get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    fill(page, HOSTILE_REASON, "a-wrong-token-a-wrong-token")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("alert")).to_have_text("The token was not accepted, so nothing was done.")
    expect(dialog(page).get_by_label("Token")).to_have_value("")
    dialog(page).get_by_label("Token").focus()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    done = dialog(page).get_by_role("status").filter(has_text="is live for")
    expect(done).to_contain_text("page:2 is live for strategy page in the place of page:1, from bars after")
    expect(done).to_contain_text("It went past closed gates, which is recorded.")
    close(page)
    expect(strategy(page).locator(".livemodel")).to_have_text("page:2")
    row = page.get_by_role("region", name="Recent changes").get_by_role("row").nth(1)
    expect(row).to_contain_text("live was page:1, is page:2 (promoted)")
    expect(row).to_contain_text("forced")
    expect(row).to_contain_text("default over the console from 127.0.0.1")
    expect(row.locator("td").nth(3)).to_have_text(HOSTILE_REASON)  # as text: no element came of it
    assert page.locator("img[src=x]").count() == 0
    assert desk.strategy()["live"] == "page:2"


def test_rollback_pause_resume_and_scale_by_mouse(page: Page, desk: Desk) -> None:
    if desk.strategy()["predecessor"] is None:
        assert desk.change("promote", model="page:2", forces=("comparison",)).status_code == 200
    was = desk.strategy()
    strategy(page).get_by_role("button", name="Roll back …").click()
    told(page, f"{was['predecessor']} takes the place of {was['live']} in strategy page")
    fill(page, "losses since the open", TOKEN)
    dialog(page).get_by_role("button", name=f"Roll back to {was['predecessor']}").click()
    expect(dialog(page).get_by_role("status").filter(has_text="received by all 2 partitions")).to_be_visible()
    close(page)
    expect(strategy(page).locator(".livemodel")).to_have_text(was["predecessor"])

    ask_pause(page, "news", "").click()  # the token is known by now
    expect(dialog(page).get_by_role("status").filter(has_text="are stopped")).to_be_visible()
    close(page)
    expect(strategy(page).locator(".badge").filter(has_text="paused")).to_be_visible()
    strategy(page).get_by_role("button", name="Resume …").click()
    told(page, "Lifted: the pause of strategy page.")
    fill(page, "over")
    dialog(page).get_by_role("button", name="Resume", exact=True).click()
    expect(dialog(page).get_by_role("status").filter(has_text="go out")).to_be_visible()
    close(page)
    strategy(page).get_by_role("button", name="Scale …").click()
    dialog(page).get_by_label("Position scale").fill("0.25")
    told(page, "Positions of strategy page are scaled by 0.25")
    fill(page, "half a day")
    dialog(page).get_by_role("button", name="Scale to 0.25").click()
    expect(dialog(page).get_by_role("status").filter(has_text="scaled by 0.25")).to_be_visible()
    close(page)
    expect(strategy(page)).to_contain_text("0.25 for strategy page".replace("strategy page", "all of page"))
    assert desk.change("position_scale", scale=1).status_code == 200


def test_symbols_that_are_hostile_are_text(page: Page) -> None:
    page.get_by_role("button", name="Pause …").first.click()
    dialog(page).get_by_label("none: all symbols").fill("<img src=x onerror=alert(1)>\nA,B\n\u202eturned")
    told(page, "Signals of <img src=x onerror=alert(1)>, A,B, \\u202eturned stop")
    assert page.locator("img[src=x]").count() == 0
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Pause …").first).to_be_focused()


def test_second_tab_decides_first(page: Page, desk: Desk, watched: Watching) -> None:
    watched[1].allow("409")
    confirm = ask_pause(page, "as seen before")
    Control(desk.world.settings).issue("pause", strategy="page", reason=HOSTILE_REASON)
    before = desk.controls()
    confirm.click()
    alert = dialog(page).get_by_role("alert")
    expect(alert).to_contain_text("Something was decided since this was shown, so nothing was done.")
    expect(alert).to_contain_text("strategy page was paused since")
    expect(alert).to_contain_text("<img src=x onerror=alert(1)> \\u202eno reason")
    assert desk.controls() == before
    told(page, "The pause of strategy page holds already.")  # what it would do was asked for again
    confirm.click()
    expect(dialog(page).get_by_role("status").filter(has_text="are stopped")).to_be_visible()
    close(page)
    assert desk.change("resume").status_code == 200


def test_missing_token_and_short_reason_are_not_sent(page: Page) -> None:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    confirm = ask_pause(page, "", "")
    dialog(page).get_by_role("textbox", name="Reason").press_sequentially("no")
    confirm.click()
    expect(dialog(page).get_by_role("textbox", name="Reason")).to_be_focused()
    fill(page, "long enough")
    confirm.click()  # still no token
    expect(dialog(page).get_by_label("Token")).to_be_focused()
    assert sent == []


def test_double_click_sends_once(page: Page, desk: Desk) -> None:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    ask_pause(page, "twice").dblclick()
    expect(dialog(page).get_by_role("status").filter(has_text="are stopped")).to_be_visible()
    assert len(sent) == 1
    close(page)
    assert desk.change("resume").status_code == 200


def test_page_of_another_build_is_refused(desk: Desk, watched: Watching) -> None:
    watched[1].allow("409")
    page = watched[0].new_page()
    build = desk.build
    page.route(
        "**/console/models",
        lambda route: route.fulfill(
            response=(answer := route.fetch()), body=answer.text().replace(build, "an-older-build")
        ),
    )
    opened(page, desk.world.url)
    expect(page.get_by_role("alert")).to_contain_text("The server runs another build than this page was made for.")
    before = desk.controls()
    ask_pause(page, "from an old page").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("this page is of another build than the server")
    assert desk.controls() == before


def test_server_gone_during_the_action(desk: Desk, watched: Watching) -> None:
    """The inference stands still, so the page waits; then the API dies: it isn't known whether it was done."""
    watched[1].allow("ERR_")
    settings, inference = desk.world.settings, desk.world.stand.services["inference"]
    api = ServiceProcess(settings, "api", 6).wait_ready()
    try:
        page = watched[0].new_page()
        opened(page, f"http://127.0.0.1:{json.loads((settings.home / 'run/api-6-http.json').read_text())['port']}")
        before = desk.controls()
        os.kill(inference.pid, signal.SIGSTOP)
        ask_pause(page, "and gone").click()
        expect(dialog(page).get_by_role("button", name="Waiting for the partitions …")).to_be_disabled()
        wait_for(lambda: desk.controls() == before + 1, 30, "the event")
        api.kill()
        expect(dialog(page).get_by_role("alert")).to_contain_text("it is not known whether this was done")
        lost = page.get_by_role("alert", include_hidden=True).filter(has_text="The server does not answer since")
        expect(lost).to_have_count(1)
    finally:
        inference.resume()
        api.kill()
        (settings.home / "run" / "api-6.json").unlink()  # else an instance is missing from here on, and rightly so
    wait_for(lambda: desk.strategy()["paused"], 30, "the pause, which was written")
    assert desk.change("resume").status_code == 200


def test_version_page_and_its_card(page: Page, desk: Desk, watched: Watching) -> None:
    page.get_by_role("link", name="daily:1").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Model daily:1")
    for name in ("What it is for", "How it was judged", "What it looks at", "Model tests", "Approvals and stages",
                 "How it was made", "Files"):  # fmt: skip
        expect(page.get_by_role("region", name=name)).to_be_visible()
    expect(page.get_by_role("region", name="Files").get_by_role("row").nth(1)).to_contain_text("whole")
    with watched[0].expect_page() as opening:
        page.get_by_role("link", name="Model card").click()
    expect(opening.value.get_by_role("heading", level=1)).to_have_text("Model card: daily")
    assert opening.value.evaluate("origin") == "null", "the card has no origin of ours"
    desk.judged(3, 1, "review")
    page.goto(f"{desk.world.url}/console/models/page%3A3")
    compared = page.get_by_role("region", name="Comparisons")
    expect(compared).to_contain_text("rank_ic told apart")
    expect(compared.get_by_role("row", name="rank ic")).to_contain_text("[+0.01, +0.03]")
    watched[1].allow("404")
    page.goto(f"{desk.world.url}/console/models/..%2F..%2Fetc")
    expect(page.get_by_role("alert")).to_contain_text("is no NAME:VERSION")


def test_live_at_has_an_address(desk: Desk, watched: Watching) -> None:
    watched[1].allow("422")
    page = watched[0].new_page()
    page.goto(f"{desk.world.url}/console/models?at=2030-01-01T00:00:00Z&symbols=S001")
    table = page.get_by_role("table", name="What was live at 2030-01-01T00:00:00Z")
    expect(table.get_by_role("row", name="page").first).to_contain_text("S001")
    page.get_by_label("Bar time T").fill("yesterday")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_role("region", name="Live at a time").get_by_role("alert")).to_be_visible()
