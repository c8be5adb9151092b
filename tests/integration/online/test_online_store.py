"""The online store on a real Redis: order, restarts, and agreement with the warehouse."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import redis
from typer.testing import CliRunner

from infra.online import OnlineRestarted, OnlineStore, OnlineUnavailable, server
from infra.online.comparison import compare, rebuild
from infra.settings import Settings
from infra.warehouse import Connection, connect, migrate
from infra.warehouse.checkpoints import ensure_rows, take_epoch
from infra.warehouse.feature_rounds import FeatureRoundWriter
from infra.warehouse.newest import newest_vectors
from pipeline.engine_types import LatestVectors
from signaltape.cli.online import app
from tests.support.isolation import process_environment
from tests.support.providers import TestStack
from tests.support.rounds import START, TOPIC, partition_round
from tests.support.waiting import wait_for

PLACE = ("core", 1, "1m")


@pytest.fixture
def online(settings: Settings) -> Iterator[OnlineStore]:
    store = OnlineStore(settings)
    yield store
    store.close()


def vectors(
    event_time: int, source_offset: int, symbols: tuple[str, ...] = ("A", "B"), value: float = 1.0
) -> LatestVectors:
    n, width = len(symbols), 11
    valid = np.ones((n, width), dtype=bool)
    valid[:, 9] = False
    return LatestVectors(
        symbols=symbols,
        event_time=np.full(n, event_time),
        source_offset=np.full(n, source_offset),
        values=np.where(valid, value + np.arange(n * width).reshape(n, width) / 7, 0.0),
        valid=valid,
        close=np.full(n, value),
        available_time=np.full(n, event_time + 5),
    )


def test_gives_back_what_was_written(online: OnlineStore) -> None:
    wanted = vectors(START, 7, ("A", "ÆØ", "BRK.B"))
    assert online.write(*PLACE, wanted) == 3
    found = online.read(*PLACE, ("BRK.B", "nobody", "A"))
    assert found.symbols == ("BRK.B", "A")
    for name in ("event_time", "source_offset", "values", "valid", "close", "available_time"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name)[[2, 0]])
    assert online.symbols(*PLACE) == ["A", "BRK.B", "ÆØ"]
    assert online.read(*PLACE, ("nobody",)).symbols == ()


@pytest.mark.parametrize(
    ("event_time", "source_offset", "taken"),
    [
        (START + 1000, 0, True),  # a later bar, whatever its offset
        (START, 8, True),  # the same bar from later in the log: a correction
        (START, 7, True),  # the same message again
        (START, 6, False),  # the same bar from before in the log
        (START - 1000, 99, False),  # an earlier bar from later in the log
    ],
)
def test_order_is_by_event_time_then_offset(
    online: OnlineStore, event_time: int, source_offset: int, *, taken: bool
) -> None:
    online.write(*PLACE, vectors(START, 7))
    assert online.write(*PLACE, vectors(event_time, source_offset, value=2.0)) == (2 if taken else 0)
    assert online.read(*PLACE, ("A",)).close[0] == (2.0 if taken else 1.0)


def test_each_symbol_is_judged_alone(online: OnlineStore) -> None:
    online.write(*PLACE, vectors(START + 1000, 9, ("B",)))
    assert online.write(*PLACE, vectors(START, 8, ("A", "B", "C"))) == 2


def test_force_overwrites_newer_ones(online: OnlineStore) -> None:
    online.write(*PLACE, vectors(START, 7))
    assert online.write(*PLACE, vectors(START - 1000, 1, value=3.0), force=True) == 2
    assert online.read(*PLACE, ("A",)).close[0] == 3.0


def test_more_rows_than_one_call_takes(online: OnlineStore) -> None:
    symbols = tuple(f"S{number}" for number in range(2500))
    assert online.write(*PLACE, vectors(START, 1, symbols)) == 2500
    assert len(online.symbols(*PLACE)) == 2500


def test_prefixes_keep_environments_apart(make_settings: Callable[..., Settings], online: OnlineStore) -> None:
    other = OnlineStore(make_settings(topics={"prefix": "replay-1."}))
    online.write(*PLACE, vectors(START, 1))
    assert other.symbols(*PLACE) == []


def test_stale_marks_are_seen_by_others(settings: Settings, online: OnlineStore) -> None:
    reader = OnlineStore(settings)
    assert not reader.is_stale()
    online.mark_stale([1, 3], "lost")
    assert reader.is_stale()
    assert online.stale_partitions == {1, 3}
    online.clear_stale([1])
    assert reader.is_stale()
    online.clear_stale([3])
    assert not reader.is_stale()
    assert not online.is_stale()


def test_a_restart_is_noticed_even_between_two_writes(stack: TestStack, online: OnlineStore) -> None:
    """Another writer comes first after the restart: its success must not hide the restart from this one."""
    online.write(*PLACE, vectors(START, 1))
    stack.restart("redis")

    def write() -> bool:
        try:
            online.write(*PLACE, vectors(START, 2))
        except OnlineRestarted:
            return True
        except OnlineUnavailable:
            return False
        raise AssertionError("the restart went unnoticed")

    wait_for(write)
    assert online.write(*PLACE, vectors(START, 2)) == 2


def test_away_and_back(stack: TestStack, online: OnlineStore) -> None:
    online.write(*PLACE, vectors(START, 1))
    stack.kill("redis")
    with pytest.raises(OnlineUnavailable, match="does not answer"):
        online.write(*PLACE, vectors(START, 2))

    def refused() -> str:
        with pytest.raises(OnlineUnavailable) as error:
            online.write(*PLACE, vectors(START, 2))
        return str(error.value)

    # A pause may be over before it is looked at: the next one is longer.
    wait_for(lambda: "asked again soon" in refused(), 30, "an answer that costs no question", interval_s=0.0)
    online.mark_stale([0], "away")
    stack.start_server("redis")

    def repaired() -> bool:
        try:
            online.write(*PLACE, vectors(START, 3))
        except OnlineUnavailable:
            return False
        return True

    wait_for(repaired)
    online.clear_stale([0])
    assert not online.is_stale()
    assert online.read(*PLACE, ("A",)).source_offset[0] == 3


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a service."""
    monkeypatch.setattr(server, "_TIMEOUT_S", 1.0)


def test_a_server_that_hangs_costs_one_timeout(hasty: None, stack: TestStack, online: OnlineStore) -> None:
    online.write(*PLACE, vectors(START, 1))
    stack.suspend("redis")
    try:
        with pytest.raises(OnlineUnavailable):
            online.write(*PLACE, vectors(START, 2))
    finally:
        stack.resume("redis")


@pytest.fixture
def database(settings: Settings) -> Iterator[Connection]:
    migrate(settings)
    with connect(settings) as connection:
        ensure_rows(connection, "features", TOPIC, "topic-id", range(2))
        connection.execute("INSERT INTO feature_sets VALUES ('core', 1, 'hash', '{a,b,c,d}')")
        writer = FeatureRoundWriter(settings, TOPIC)
        for partition in range(2):
            epoch = take_epoch(connection, "features", TOPIC, partition).epoch
            writer.write([partition_round(0, partition=partition, epoch=epoch)])
        writer.close()
        yield connection


def test_rebuild_makes_the_stores_equal(database: Connection, online: OnlineStore) -> None:
    (line,) = compare(database, online)
    assert (line.stored, line.online, line.missing, line.equal) == (8, 0, 8, False)
    newer = vectors(START + 10**15, 99, ("A0", "stranger"))
    online.write(*PLACE, newer)
    (line,) = compare(database, online)
    assert (line.missing, line.different, line.extra) == (7, 1, 1)
    assert rebuild(database, online, lambda _: None) == 8
    (line,) = compare(database, online)
    assert line.equal
    assert line.stored == line.online == 8


def test_a_set_that_the_warehouse_has_nothing_of_is_found_and_removed(
    database: Connection, online: OnlineStore
) -> None:
    rebuild(database, online, lambda _: None)
    online.write("core", 1, "1h", vectors(START, 3))
    online.mark_stale([0], "a mark is no set")
    assert list(online.listed()) == [("core", 1, "1h"), PLACE]
    assert [(line.interval, line.extra, line.equal) for line in compare(database, online)] == [
        ("1m", 0, True),
        ("1h", 2, False),
    ]
    rebuild(database, online, lambda _: None)
    assert list(online.listed()) == [PLACE]


def test_the_newest_is_the_latest_bar_at_its_highest_revision(database: Connection) -> None:
    database.execute(
        "INSERT INTO features SELECT feature_set, set_version, symbol, interval, event_time, revision + 5,"
        """ available_time, ingest_time, 'correction', 77, "values", partition FROM features WHERE symbol = 'A0'"""
    )
    (one,) = newest_vectors(database)
    at = one.vectors.symbols.index("A0")
    assert one.vectors.close[at] == 77
    assert one.vectors.source_offset[at] == 2 + 5
    assert not one.vectors.valid[one.vectors.symbols.index("BRK.B0"), 3]


def test_one_changed_bit_is_found(
    settings: Settings, database: Connection, online: OnlineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in process_environment(settings).items():
        monkeypatch.setenv(name, value)
    rebuild(database, online, lambda _: None)
    runner = CliRunner()
    assert runner.invoke(app, ["check"]).exit_code == 0
    client = redis.Redis.from_url(settings.redis.url)
    key = online.key(*PLACE, "A0")
    client.setrange(key, 40, b"\x01")
    result = runner.invoke(app, ["check", "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["sets"][0]["examples"] == [["A0", "differs in values"]]
    assert runner.invoke(app, ["rebuild"]).exit_code == 0
    assert runner.invoke(app, ["check"]).exit_code == 0
    client.close()
