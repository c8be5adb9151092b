"""Migrations: once, by one process at a time, with hypertables where the extension is, plain tables elsewhere."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from infra.settings import Settings
from infra.warehouse import connect, migrate, migrator
from infra.warehouse.added_sets import known_sets
from infra.warehouse.bulk import copy_rows
from infra.warehouse.checkpoints import ensure_rows, take_epoch
from infra.warehouse.errors import MigrationError
from infra.warehouse.feature_rounds import FeatureRoundWriter, rows_of
from tests.support.plain_database import plain_database
from tests.support.rounds import TOPIC, partition_round

HYPERTABLES = {
    "bars",
    "features",
    "feature_values",
    "returns",
    "predictions",
    "model_calls",
    "signals",
    "digests",
    "drift_metrics",
    "alerts",
}


def test_applies_each_migration_once(settings: Settings) -> None:
    first, second = migrate(settings), migrate(settings)
    assert first.applied == tuple(one.name for one in migrator.migrations())
    assert second.applied == ()


def test_concurrent_processes_agree(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: migrate(settings), range(4)))
    assert sum(len(report.applied) for report in reports) == len(migrator.migrations())


def test_makes_hypertables_under_the_extension(settings: Settings) -> None:
    report = migrate(settings)
    if report.timescale is None:
        pytest.skip("this server has no TimescaleDB")
    with connect(settings) as connection:
        rows = connection.execute("SELECT hypertable_name FROM timescaledb_information.hypertables").fetchall()
    assert {row[0] for row in rows} == HYPERTABLES


def test_creates_a_missing_extension(settings: Settings) -> None:
    with connect(settings) as connection:
        connection.execute("DROP EXTENSION IF EXISTS timescaledb")
    with connect(settings) as connection:
        loaded = connection.execute("SELECT current_setting('timescaledb.disable_load', true)").fetchone()
    report = migrate(settings)
    assert (report.timescale is not None) == (loaded is not None and loaded[0] is not None)


def test_plain_tables_with_a_loud_notice(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = plain_database(settings, monkeypatch)
    report = migrate(plain)
    assert report.timescale is None
    assert report.notice is not None
    assert "TimescaleDB is not installed" in report.notice
    with connect(plain) as connection:
        keys = connection.execute("SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%_pkey'").fetchone()
    assert keys is not None
    assert keys[0] >= len(HYPERTABLES)


def test_rounds_are_written_on_plain_tables_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = plain_database(settings, monkeypatch)
    migrate(plain)
    with connect(plain) as connection:
        ensure_rows(connection, "features", TOPIC, "topic-id", [0])
        take_epoch(connection, "features", TOPIC, 0)
        writer = FeatureRoundWriter(plain, TOPIC)
        assert writer.write([partition_round(0)]).inserted["features"] == 12
        connection.execute("UPDATE checkpoints SET effect_offset = 0")
        assert writer.write([partition_round(0)]).suppressed["features"] == 12
        writer.close()


def test_a_log_of_before_says_from_where_on_its_sets_are_computed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partition 0 has rows, 1 was taken and has none yet, 2 was never taken."""
    real = migrator.migrations()
    monkeypatch.setattr(migrator, "migrations", lambda: real[:15])
    migrate(settings)
    with connect(settings) as connection:
        ensure_rows(connection, "features", TOPIC, "topic-id", [0, 1, 2])
        for number in (0, 1):
            take_epoch(connection, "features", TOPIC, number)
        for rows in rows_of([partition_round(0)]):
            if rows.table != "digests":  # a table of later
                copy_rows(connection, rows)
        computed = connection.execute("SELECT DISTINCT feature_set, set_version FROM features").fetchall()
        connection.execute(  # what was loaded, or is of an earlier log, doesn't count
            "INSERT INTO features SELECT 'former', set_version, symbol, interval, event_time, 7, available_time,"
            " ingest_time, kind, close, values, partition FROM features"
        )
        monkeypatch.setattr(migrator, "migrations", lambda: real)
        assert known_sets(connection, TOPIC) == {}
        migrate(settings)
        assert known_sets(connection, TOPIC) == dict.fromkeys((0, 1), frozenset(computed))
        assert len(computed) > 0


def test_refuses_an_altered_migration(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(settings)
    with connect(settings) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'other' WHERE number = 1")
    with pytest.raises(MigrationError, match=r"0001_core\.sql was applied with other contents"):
        migrate(settings)


def test_refuses_a_newer_database(settings: Settings) -> None:
    migrate(settings)
    with connect(settings) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, '9999_future.sql', 'x')")
    with pytest.raises(MigrationError, match="upgrade the program"):
        migrate(settings)


def test_failing_migration_leaves_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = migrator.Migration(number=3, name="0003_broken.sql", sql="CREATE TABLE half (); SELECT 1 / 0")
    real = migrator.migrations()
    monkeypatch.setattr(migrator, "migrations", lambda: (*real, broken))
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(settings)
    with connect(settings) as connection:
        rows = connection.execute("SELECT 1 FROM pg_tables WHERE tablename IN ('half', 'bars')").fetchall()
    assert rows == []
