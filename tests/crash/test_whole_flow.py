"""Every service, killed at seeded random moments while bars wait: the same rows and signals as an undisturbed run."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.stack import Endpoints
from producers.bar_table import BarTable
from schemas.topics import TopicNames
from tests.support import isolation, world
from tests.support.content import Content, check_sequence, content_of, difference
from tests.support.feature_runs import chain_of, published
from tests.support.providers import TestStack
from tests.support.services import ServiceProcess
from tests.support.verified import check_verified
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

SERVICES = ("store", "drift", "inference", "features", "ingest")
MOMENTS = int(os.environ.get("SIGNALTAPE_CRASH_MOMENTS", "5"))
SEED = 20_261
#: How long a server is away or frozen: `make crash` makes it longer.
AWAY_S = float(os.environ.get("SIGNALTAPE_CRASH_AWAY_S", "2"))


@pytest.fixture(scope="module")
def market() -> BarTable:
    return world.small_market(symbols=24, bars=160)


def run_flow(
    settings: Settings,
    folder: Path,
    table: BarTable,
    disturb: Callable[[dict[str, ServiceProcess]], None],
    *,
    supervised: bool = False,
) -> Content:
    """Run everything over ``table``; ``disturb`` acts once the bars lie in the log. ``supervised``: what ends with an
    error is started again, as a supervisor does it.
    """
    events = world.prepare(settings, folder, strategies=("alpha", "beta"))
    running = {name: ServiceProcess(settings, name) for name in SERVICES}
    try:
        for process in running.values():
            process.wait_ready()
        world.wait_relayed(settings, len(events))
        world.publish(settings, table)
        disturb(running)
        if supervised:
            wait_for(lambda: restarted(settings, running) and not world.lag_before(settings), 180.0, "drained", 0.2)
        world.wait_drained(settings, 180.0)
        for process in running.values():
            assert process.poll() is None, process.tail()
    finally:
        for process in running.values():
            if process.poll() is None:
                process.kill()
    check_sequence(settings)
    check_verified(settings)
    return content_of(settings)


def restarted(settings: Settings, running: dict[str, ServiceProcess]) -> bool:
    """Start again what has ended; a clean end would be a fault."""
    for name, process in running.items():
        if process.poll() is not None:
            assert process.poll() == 1, process.tail()
            running[name] = ServiceProcess(settings, name)
    return True


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
    """Seeded victims and moments; the last kill is of a feature agent that has published what it has not stored."""
    chance = random.Random(SEED)
    killed: list[tuple[str, list[tuple[str, int]]]] = []

    def disturb(running: dict[str, ServiceProcess]) -> None:
        for moment in range(MOMENTS):
            victim = chance.choice(SERVICES)
            wait_for(lambda name=victim: running[name].is_ready() or None, 60.0, f"{victim} ready")
            lag = loaded(settings, market)
            running[victim].kill()
            killed.append((victim, lag))
            running[victim] = ServiceProcess(settings, victim)
            if moment == MOMENTS - 1:
                running["features"].kill()
                loaded(settings, market, "features")
                dying = ServiceProcess(settings, "features", SIGNALTAPE_CRASH_AT="features.3_published:1")
                assert dying.wait_exit(60) == -signal.SIGKILL, dying.tail()
                killed.append(("features, published and not stored", world.lag_before(settings)))
                running["features"] = ServiceProcess(settings, "features")

    found = run_flow(settings, tmp_path, market, disturb)
    assert all(lag for _, lag in killed), f"nothing waited at a kill: {killed}"
    assert not difference(undisturbed, found), f"after killing {killed}:\n{difference(undisturbed, found)}"
    topic = TopicNames(settings.topics.prefix).features
    assert published(settings, topic) > len(chain_of(settings, topic)), "no message was handled and published twice"


def loaded(settings: Settings, market: BarTable, stage: str = "") -> list[tuple[str, int]]:
    """What waits, before ``stage`` if one is named; if all has flowed through, the same bars come once more, as from a
    feed that wasn't sure of them.
    """
    while not (lag := world.lag_before(settings)) or (stage and stage not in dict(lag)):
        world.publish(settings, market, feed=world.FEED)
    return lag


@pytest.mark.matrix
def test_kafka_killed_and_away_for_seconds(
    settings: Settings, tmp_path: Path, market: BarTable, undisturbed: Content, stack: TestStack
) -> None:
    """Services may end with an error, as their supervisor expects; none loses or repeats anything."""
    lags = []

    def disturb(running: dict[str, ServiceProcess]) -> None:
        lags.append(loaded(settings, market))
        stack.kill("kafka")
        try:
            time.sleep(AWAY_S)  # how long it is away is what the test is about
        finally:
            stack.start_server("kafka")

    found = run_flow(settings, tmp_path, market, disturb, supervised=True)
    assert all(lags)
    assert not difference(undisturbed, found), difference(undisturbed, found)


def test_postgres_frozen_for_seconds(
    settings: Settings, tmp_path: Path, market: BarTable, undisturbed: Content, stack: TestStack
) -> None:
    """Connections stay open and nothing answers."""
    lags = []

    def disturb(running: dict[str, ServiceProcess]) -> None:
        lags.append(loaded(settings, market))
        stack.suspend("postgres")
        try:
            time.sleep(AWAY_S)
        finally:
            stack.resume("postgres")

    found = run_flow(settings, tmp_path, market, disturb)
    assert all(lags)
    assert not difference(undisturbed, found), difference(undisturbed, found)
