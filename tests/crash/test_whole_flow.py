"""Every service, killed at seeded random moments while bars wait: the same rows and signals as an undisturbed run."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.stack import Endpoints
from producers.bar_table import BarTable
from tests.support import isolation, world
from tests.support.content import Content, check_sequence, content_of, difference
from tests.support.services import ServiceProcess
from tests.support.waiting import wait_for

SERVICES = ("store", "drift", "inference", "features", "ingest")
MOMENTS = int(os.environ.get("SIGNALTAPE_CRASH_MOMENTS", "5"))
SEED = 20_261


@pytest.fixture(scope="module")
def market() -> BarTable:
    return world.small_market(symbols=24, bars=160)


def run_flow(
    settings: Settings, folder: Path, table: BarTable, disturb: Callable[[dict[str, ServiceProcess]], None]
) -> Content:
    """Run everything over ``table``; ``disturb`` acts once the bars lie in the log."""
    events = world.prepare(settings, folder, strategies=("alpha", "beta"))
    running = {name: ServiceProcess(settings, name) for name in SERVICES}
    try:
        for process in running.values():
            process.wait_ready()
        world.wait_relayed(settings, len(events))
        world.publish(settings, table)
        disturb(running)
        world.wait_drained(settings, 180.0)
        for process in running.values():
            assert process.poll() is None, process.tail()
    finally:
        for process in running.values():
            if process.poll() is None:
                process.kill()
    check_sequence(settings)
    return content_of(settings)


@pytest.fixture(scope="module")
def undisturbed(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory, market: BarTable) -> Content:
    name, folder = isolation.unique_name(), tmp_path_factory.mktemp("undisturbed")
    dsn = isolation.create_database(endpoints, name)
    settings = isolation.isolated_settings(endpoints, folder / "home", dsn, f"{name}.")
    content = run_flow(settings, folder, market, lambda _: None)
    isolation.drop_database(endpoints, name)
    return content


def test_undisturbed_run_is_complete(undisturbed: Content, market: BarTable) -> None:
    assert len(undisturbed["bars"]) == len(market)
    assert len(undisturbed["predictions"]) == 2 * len(undisturbed["features"]) > 0
    assert len(undisturbed["signals"]) == len(undisturbed["signals topic"]) > 100


def test_killed_at_random_moments_under_load(
    settings: Settings, tmp_path: Path, market: BarTable, undisturbed: Content
) -> None:
    chance = random.Random(SEED)
    killed: list[tuple[str, list[tuple[str, int]]]] = []

    def disturb(running: dict[str, ServiceProcess]) -> None:
        for _ in range(MOMENTS):
            victim = chance.choice(SERVICES)
            wait_for(lambda name=victim: running[name].is_ready() or None, 60.0, f"{victim} ready")
            lag = world.lag_before(settings)
            running[victim].kill()
            killed.append((victim, lag))
            if not lag:
                # Everything has flowed through: give the next victims something to lose.
                world.publish(settings, market, feed=world.FEED)
            running[victim] = ServiceProcess(settings, victim)

    found = run_flow(settings, tmp_path, market, disturb)
    assert any(lag for _, lag in killed), f"nothing waited at any kill: {killed}"
    assert not difference(undisturbed, found), f"after killing {killed}:\n{difference(undisturbed, found)}"
