"""Rounds of the feature agent: what is stored, once and only under the epoch."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg.errors import LockNotAvailable

from consumers.feature_agent.takeover import Takeover
from consumers.shell import Patience
from infra.settings import Settings
from infra.warehouse import (
    Connection,
    MissingCheckpoint,
    StaleEpoch,
    WarehouseError,
    WarehouseUnavailable,
    connect,
    migrate,
)
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.bar_lookup import find_stored
from infra.warehouse.checkpoints import (
    KeptSnapshot,
    advance,
    ensure_rows,
    keep_snapshot,
    read_checkpoints,
    revision_of,
    save_snapshot,
    take_epoch,
)
from infra.warehouse.feature_rounds import FeatureRoundWriter, register_feature_sets, register_writer
from pipeline.engine_types import Lookup
from pipeline.features import FEATURE_SETS
from schemas.intervals import MINUTE
from tests.support.rounds import START, TOPIC, partition_round

TABLES = ("bars", "features", "returns", "log_events", "repair_requests")


@pytest.fixture
def database(settings: Settings) -> Iterator[Connection]:
    migrate(settings)
    with connect(settings) as connection:
        ensure_rows(connection, "features", TOPIC, "topic-id", range(2))
        yield connection


@pytest.fixture
def writer(settings: Settings, database: Connection) -> Iterator[FeatureRoundWriter]:
    one = FeatureRoundWriter(settings, TOPIC)
    yield one
    one.close()


def contents(database: Connection) -> dict[str, list[Any]]:
    """All rows of the tables, `ingest_time` included."""
    return {
        table: database.execute(f"SELECT t FROM {table} t ORDER BY t::text").fetchall()  # type: ignore[arg-type]
        for table in TABLES
    }


def counts(database: Connection) -> dict[str, int]:
    return {table: len(rows) for table, rows in contents(database).items()}


def test_stores_every_column(database: Connection, writer: FeatureRoundWriter) -> None:
    take_epoch(database, "features", TOPIC, 0)
    report = writer.write([partition_round(0)])
    assert report.inserted == {"bars": 12, "log_events": 1, "features": 12, "returns": 12, "digests": 3}
    assert report.moved == {(TOPIC, 0)}
    columns = "event_time, revision, status, open, high, low, close, volume, generation, source_offset, row_index"
    rows = database.execute(
        f"SELECT {columns} FROM bars WHERE symbol = 'BRK.B0' ORDER BY event_time"  # type: ignore[arg-type]
    ).fetchall()
    assert rows[1][0].timestamp() * 1e9 == START + MINUTE
    assert rows[1][1:] == (0, "first", *_prices(1), None, 1, 1, 1)
    values = database.execute(
        """SELECT revision, "values", close, kind FROM features WHERE symbol = 'BRK.B0' ORDER BY event_time"""
    ).fetchall()
    assert values[2] == (revision_of(1, 2), [6.25, 7.25, 8.25, None], 1.5, "live")
    returns = database.execute(
        "SELECT horizons, log_returns, prediction_times FROM returns WHERE event_time = to_timestamp(%s) "
        "ORDER BY symbol",
        (START // 10**9,),
    ).fetchall()
    assert [row[:2] for row in returns] == [([1, 5], [1.0, 5.0]), ([1, 5], [1.01, 5.01]), ([1], [1.03]), ([1], [1.02])]
    assert returns[0][2][1].timestamp() == START / 1e9 - 300
    event = database.execute("SELECT source_offset, type, payload FROM log_events").fetchall()
    assert event == [(3, "Watermark", b"\x00payload\x00")]
    labels = database.execute("SELECT count(*) FROM return_values").fetchone()
    assert labels == (3 * (4 + 2),)


def _prices(time: int) -> tuple[float, float, float, float]:
    base = 101.0 + ((START + time * MINUTE) // MINUTE) % 7
    return base, base + 1, base - 1, base + 0.5


def test_feature_events_has_a_row_a_value(database: Connection, writer: FeatureRoundWriter) -> None:
    take_epoch(database, "features", TOPIC, 0)
    writer.write([partition_round(0, messages=1)])
    database.execute("INSERT INTO feature_sets VALUES ('core', 1, 'hash', '{a,b,c,d}')")
    database.execute("INSERT INTO feature_writers VALUES ('live', 0, 1, 'agent', 'release', 'run', now(), 'bits')")
    rows = database.execute(
        "SELECT entity_key, feature_name, value_double, producer_version FROM feature_events "
        "WHERE entity_key LIKE 'BRK%' ORDER BY 1, 2"
    ).fetchall()
    assert rows == [
        ("BRK.B0", "a", 4.25, "release"),
        ("BRK.B0", "b", 5.25, "release"),
        ("BRK.B0", "c", 6.25, "release"),
        ("BRK.B0", "d", None, "release"),
    ]


def test_a_build_is_written_down_where_its_rows_begin(database: Connection, writer: FeatureRoundWriter) -> None:
    first = take_epoch(database, "features", TOPIC, 0)
    register_writer(database, first, "one", "bits")
    register_writer(database, take_epoch(database, "features", TOPIC, 0), "one", "bits")
    register_writer(database, first, "of a process that was replaced", "bits")
    writer.write([partition_round(0, messages=1, epoch=2)])
    later = take_epoch(database, "features", TOPIC, 0)
    assert later.effect_offset > 0
    register_writer(database, later, "two", "bits")
    register_writer(database, later, "two", "other bits")
    found = database.execute(
        "SELECT kind, partition, first_revision, producer, producer_version, run_id, numerics FROM feature_writers"
        " ORDER BY first_revision, kind"
    ).fetchall()
    begins = revision_of(1, 0), revision_of(1, later.effect_offset)
    assert found == [
        (kind, 0, begin, "signaltape-features", *rest)
        for begin, rest in zip(
            begins, (("one", "features/0/1", "bits"), ("two", "features/0/3", "other bits")), strict=True
        )
        for kind in ("correction", "live")
    ]


def test_a_round_that_was_written_is_not_written_again(database: Connection, writer: FeatureRoundWriter) -> None:
    take_epoch(database, "features", TOPIC, 0)
    writer.write([partition_round(0)])
    before = contents(database)
    report = writer.write([partition_round(0)])
    assert report.moved == frozenset()
    assert contents(database) == before


def test_a_predecessor_frozen_inside_a_statement_is_ended(
    settings: Settings, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server waits for its rows, and would for ever; a session of somebody else's is left alone."""
    monkeypatch.setattr("infra.warehouse.checkpoints.PREDECESSOR_S", 1)
    taken = take_epoch(database, "features", TOPIC, 0)
    lock = "SELECT 1 FROM checkpoints WHERE partition = 0 FOR UPDATE"
    with connect(settings, name="psql") as other, other.transaction():
        other.execute(lock)
        with pytest.raises(LockNotAvailable):
            take_epoch(database, "features", TOPIC, 0)
        assert not other.closed
    with connect(settings, name="signaltape-features") as frozen:
        frozen.execute("BEGIN")
        advance(frozen, "features", TOPIC, (0, taken.epoch), 1)
        frozen.pgconn.exec_(b"COPY log_events FROM STDIN")
        again = take_epoch(database, "features", TOPIC, 0)
        frozen.close()
    assert (again.epoch, again.effect_offset) == (taken.epoch + 1, 0)


def test_of_two_partitions_only_the_new_round_is_written(database: Connection, writer: FeatureRoundWriter) -> None:
    for partition in (0, 1):
        take_epoch(database, "features", TOPIC, partition)
    writer.write([partition_round(0)])
    report = writer.write([partition_round(0), partition_round(0, partition=1)])
    assert report.moved == {(TOPIC, 1)}
    assert counts(database) == {"bars": 24, "features": 24, "returns": 24, "log_events": 2, "repair_requests": 2}


def test_rows_that_exist_stay_as_they_are(database: Connection, writer: FeatureRoundWriter) -> None:
    """After a repair the offsets go back, and part of what is read again is there already."""
    take_epoch(database, "features", TOPIC, 0)
    writer.write([partition_round(0)])
    before = contents(database)
    database.execute("UPDATE checkpoints SET effect_offset = 0 WHERE partition = 0")
    database.execute("DELETE FROM features WHERE symbol = 'A0'")
    report = writer.write([partition_round(0)])
    assert report.inserted["features"] == 3
    assert report.suppressed == {"bars": 12, "log_events": 1, "features": 9, "returns": 12, "digests": 3}
    after = contents(database)
    for table in ("bars", "returns", "log_events", "repair_requests"):
        assert after[table] == before[table]
    assert len(after["features"]) == 12
    assert writer.write([partition_round(1)]).suppressed["bars"] == 0


def test_a_stale_epoch_writes_nothing(database: Connection, writer: FeatureRoundWriter) -> None:
    old = take_epoch(database, "features", TOPIC, 0)
    new = take_epoch(database, "features", TOPIC, 0)
    assert (old.epoch, new.epoch) == (1, 2)
    with pytest.raises(StaleEpoch, match="epoch 2, ours is 1"):
        writer.write([partition_round(0, epoch=1)])
    assert counts(database) == dict.fromkeys(TABLES, 0)
    assert writer.write([partition_round(0, epoch=2)]).moved == {(TOPIC, 0)}


def test_one_stale_partition_stops_the_whole_round(database: Connection, writer: FeatureRoundWriter) -> None:
    take_epoch(database, "features", TOPIC, 0)
    take_epoch(database, "features", TOPIC, 1)
    take_epoch(database, "features", TOPIC, 1)
    with pytest.raises(StaleEpoch, match="partition 1"):
        writer.write([partition_round(0), partition_round(0, partition=1)])
    assert counts(database) == dict.fromkeys(TABLES, 0)
    assert read_checkpoints(database, "features", TOPIC)[0].effect_offset == 0


def test_without_init_there_is_no_epoch(database: Connection) -> None:
    with pytest.raises(MissingCheckpoint, match="signaltape init"):
        take_epoch(database, "features", TOPIC, 7)


def test_ensure_never_overwrites(database: Connection) -> None:
    taken = take_epoch(database, "features", TOPIC, 0)
    advance(database, "features", TOPIC, (0, taken.epoch), 17)
    assert ensure_rows(database, "features", TOPIC, "other-id", {0: 0, 1: 0, 2: 5}) == 1
    kept = read_checkpoints(database, "features", TOPIC)
    assert (kept[0].effect_offset, kept[0].topic_id, kept[2].effect_offset) == (17, "topic-id", 5)


def test_snapshots_follow_the_effects(database: Connection) -> None:
    taken = take_epoch(database, "features", TOPIC, 0)
    advance(database, "features", TOPIC, (0, taken.epoch), 10)
    save_snapshot(database, taken, 10, b"state")
    with pytest.raises(WarehouseError, match="ahead of the effects"):
        save_snapshot(database, taken, 11, b"later")
    with pytest.raises(WarehouseError, match="older than the one kept"):
        save_snapshot(database, taken, 9, b"earlier")
    successor = take_epoch(database, "features", TOPIC, 0)
    assert (successor.snapshot_offset, successor.snapshot) == (10, b"state")
    with pytest.raises(StaleEpoch):
        save_snapshot(database, taken, 10, b"zombie")


def test_kept_snapshots_are_added_once(database: Connection) -> None:
    for blob in (b"one", b"two"):
        keep_snapshot(
            database,
            KeptSnapshot(
                partition=1,
                source_offset=9,
                event_time=START,
                code_hash="c",
                sets_hash="s",
                generation=1,
                snapshot=blob,
            ),
        )
    rows = database.execute("SELECT partition, source_offset, event_time, snapshot FROM engine_snapshots").fetchall()
    assert [(*row[:2], row[2].timestamp() * 1e9, row[3]) for row in rows] == [(1, 9, START, b"one")]


def test_look_ups_see_only_the_log_before(database: Connection, writer: FeatureRoundWriter) -> None:
    take_epoch(database, "features", TOPIC, 0)
    writer.write([partition_round(0)])

    def look(before: int, generation: int = 1) -> float | None:
        one = Lookup(row=3, symbol="A0", interval="1m", event_time=START + MINUTE, source="vendor", revision=0)
        found = find_stored(database, [one], before, generation)[3]
        return None if found is None else found.open

    assert look(before=1) is None
    assert look(before=2) == 100.0 + ((START + MINUTE) // MINUTE) % 7
    assert look(before=0, generation=2) is not None


def test_look_ups_after_a_repair_that_kept_the_log_see_nothing_later(
    settings: Settings, database: Connection, writer: FeatureRoundWriter
) -> None:
    taken = take_epoch(database, "features", TOPIC, 0)
    writer.write([partition_round(0)])
    repaired = replace(taken, generation=2, first_generation=1)
    one = Lookup(row=0, symbol="A0", interval="1m", event_time=START + MINUTE, source="vendor", revision=0)
    takeover = Takeover(settings, Patience(threading.Event()))
    assert takeover.find(repaired, [one], 1) == {0: None}
    assert takeover.find(replace(repaired, first_generation=2), [one], 1)[0] is not None
    takeover.close()


def test_a_standby_that_loses_postgres_says_so_and_can_wait_again(settings: Settings, database: Connection) -> None:
    active, standby, stop = ActiveLock(settings, "test"), ActiveLock(settings, "test"), threading.Event()
    assert active.acquire(stop)

    def cut() -> None:
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND pid NOT IN "
            "(SELECT pid FROM pg_locks WHERE locktype = 'advisory')",
            ("signaltape-test-lock",),
        )

    with pytest.raises(WarehouseUnavailable, match="waits for its lock"):
        standby.acquire(stop, cut)
    active.release()
    assert standby.acquire(stop)
    standby.check()
    standby.release()


def test_registering_a_changed_set_is_refused(database: Connection) -> None:
    some = next(iter(FEATURE_SETS.values()))
    register_feature_sets(database, [some])
    register_feature_sets(database, [some])
    database.execute("UPDATE feature_sets SET set_hash = 'other'")
    with pytest.raises(WarehouseError, match="raise the set's version"):
        register_feature_sets(database, [some])
