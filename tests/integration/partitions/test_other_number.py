"""Another number of partitions: refused where the topics have one, and reached by publishing into topics of another."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.stack import Endpoints
from producers.bar_files import read_bars
from signaltape.initialisation import initialise
from tests.support import isolation, services, world
from tests.support.content import COLUMNS, content_of, difference
from tests.support.waiting import wait_for

#: What says on which partition a row came about, beside the partition itself.
PLACE = "partition"


def without_partition(settings: Settings) -> dict[str, list[object]]:
    """Bars, vectors, labels, predictions and signals, as content that doesn't name their partition."""
    found = content_of(settings)
    kept: dict[str, list[object]] = {}
    for table in ("bars", "features", "returns", "predictions", "signals"):
        # `partition` is the last column but one in bars (before `quality`), the last one elsewhere.
        names = COLUMNS[table].split()
        at = names.index(PLACE) - len(names)
        kept[table] = sorted(_without(row, at) for row in found[table])
    return kept


def _without(row: str, at: int) -> str:
    parts = row.strip("()").split(", ")
    del parts[at]
    return ", ".join(parts)


@pytest.fixture
def grown(
    make_settings: Callable[..., Settings], endpoints: Endpoints, tmp_path: Path
) -> Iterator[tuple[Settings, Settings]]:
    """Two environments: the second has other topics, seven of each, a database and a home of its own."""
    old, name = make_settings(), isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    new = isolation.isolated_settings(
        endpoints, tmp_path / "new-home", dsn, f"{name}.", topics={"prefix": f"{name}.", "partitions": 7}
    )
    world.prepare(old, tmp_path / "old")
    world.prepare(new, tmp_path / "new")
    yield old, new
    isolation.drop_database(endpoints, name)


def _wait_stored(settings: Settings) -> None:
    """Wait until nothing waits but for the drift agent, which doesn't run here."""
    wait_for(lambda: all(stage == "drift" for stage, _ in world.lag_before(settings)), 90, "the flow to drain", 0.1)


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "signaltape", *arguments], env=isolation.process_environment(settings),
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.slow
def test_bars_go_into_more_partitions_and_give_the_same_values(
    grown: tuple[Settings, Settings], tmp_path: Path
) -> None:
    old, new = grown
    table, file = world.small_market(symbols=16, bars=60), tmp_path / "bars.parquet"
    with services.running(old, "ingest", "features", "inference", "store"):
        world.wait_relayed(old, 1)
        world.publish(old, table)
        _wait_stored(old)
    done = run(old, "export", str(file), "--interval", "1m")
    assert done.returncode == 0, done.stderr
    assert run(old, "export", str(file), "--interval", "1m").returncode == 2, "a file is never replaced"
    assert "no stored bars" in run(old, "export", str(tmp_path / "none.csv"), "--interval", "1d").stderr
    assert len(read_bars(file, "1m", "close")) == len(table)
    with services.running(new, "ingest", "features", "inference", "store"):
        world.wait_relayed(new, 1)
        assert run(
            new, "publish", str(file), "--interval", "1m", "--stamp", "close", "--feed", world.FEED
        ).returncode == 0  # fmt: skip
        _wait_stored(new)
    expected = without_partition(old)
    assert all(expected.values()), "there is something of each to compare"
    assert not difference(expected, without_partition(new))


@pytest.mark.parametrize("service", ["ingest", "features", "inference", "store", "drift"])
def test_every_service_refuses_a_number_that_the_topics_have_not(
    service: str, make_settings: Callable[..., Settings]
) -> None:
    right = make_settings()
    initialise(right)
    wrong = make_settings(topics={"prefix": right.topics.prefix, "partitions": right.topics.partitions + 1})
    process = services.ServiceProcess(wrong, service)
    assert process.wait_exit(60) == 1
    assert "the setting topics.partitions says 5" in process.tail()
