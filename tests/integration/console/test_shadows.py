"""How a shadow differs from what serves: as the command has it, and as the page *Models* shows it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pipeline.deployments import ModelRef
from schemas.times import iso
from signaltape.shadowing import start_shadow, stop_shadow
from tests.support.commands import Run, runner
from tests.support.console_world import ConsoleWorld

pytestmark = pytest.mark.integration
SHADOW = ModelRef(name="first", version=1)  # what alpha's live model took the place of


@pytest.fixture(scope="module")
def shadowed(console_world: ConsoleWorld) -> Iterator[ConsoleWorld]:
    """The world after six bars that a shadow of the strategy alpha answered too."""
    settings, stand = console_world.settings, console_world.stand
    start_shadow(settings, "alpha", SHADOW, reason="to compare")
    stand.bar(6)
    stand.settled()
    yield console_world
    stop_shadow(settings, "alpha", SHADOW.name, SHADOW.version, reason="compared")


@pytest.fixture
def run(shadowed: ConsoleWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(shadowed.settings, monkeypatch, capsys)


def asked(world: ConsoleWorld, hours: float) -> dict[str, Any]:
    answer = world.api.get("/console/api/models/shadows", params={"strategy": "alpha", "hours": hours})
    found: dict[str, Any] = answer.json()
    return found


def test_the_figures_are_those_of_the_command(shadowed: ConsoleWorld, run: Run) -> None:
    found = asked(shadowed, 6)
    (told,) = json.loads(run("models", "shadow-report", "--strategy", "alpha", "--json").out)["shadows"]
    (line,) = found["lines"]
    assert line["shadow"] == str(SHADOW)
    assert line["compared"] > 0
    assert line["compared_bars"] >= 5  # the bar from which it acts on may differ between partitions
    for name in ("bars", "live_rows", "shadow_rows", "compared", "score_differs", "max_difference", "correlation",
                 "direction_differs", "direction_opposite", "complete"):  # fmt: skip
        assert line[name] == told[name], name
    assert sum(one["rows"] for one in found["course"]) == line["compared"]
    assert sum(one["directions"] for one in found["course"]) == line["direction_differs"]
    assert not found["truncated"]
    assert asked(shadowed, 10**9)["truncated"]


def test_the_page_shows_them_and_their_course(shadowed: ConsoleWorld, page: Page) -> None:
    (line,) = asked(shadowed, 24)["lines"]
    page.goto(f"{shadowed.url}/console/models")
    strategy = page.get_by_role("region", name="Strategy alpha", exact=True)
    strategy.get_by_role("button", name=re.compile("^Show how")).click()
    row = strategy.get_by_role("table", name="Shadows against the serving model").get_by_role("row").nth(1)
    expect(row).to_contain_text(str(SHADOW))
    expect(row).to_contain_text(f"{line['compared']:,} at {line['compared_bars']} bars")
    expect(row.locator("td").nth(5)).to_have_text(re.compile(rf"^{100 * line['direction_rate']:.2f} ?%$"))
    expect(strategy).to_contain_text(f"up to {iso(shadowed_until(shadowed))[:19].replace('T', ' ')}")
    expect(strategy.get_by_role("img", name=re.compile("Share of rows with another direction"))).to_be_visible()


def shadowed_until(world: ConsoleWorld) -> int:
    return int(asked(world, 24)["until"])
