"""A recreated topic and a database restored from before: refused with the repair command, which works."""

import json
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from psycopg import sql
from typer.testing import CliRunner

from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from schemas.topics import TopicNames
from signaltape.cli import app
from signaltape.initialisation import initialise
from signaltape.reconcile import reconcile
from tests.support import isolation, services, world
from tests.support.content import check_sequence, content_of, difference
from tests.support.verified import check_verified
from tests.support.waiting import wait_for

SERVICES = ("ingest", "features", "inference", "store", "drift")
MIDDLE = 80


def run_and_stop(settings: Settings, work: object, expected: int = 0) -> None:
    """Run the pipeline, do `work`, wait until nothing is on its way, stop everything in order."""
    with services.running(settings, *SERVICES) as started:
        assert callable(work)
        work()
        world.wait_drained(settings, 240)
        for process in started.values():
            assert process.stop() == expected


def refusal(settings: Settings, service: str) -> str:
    """What a service says when it refuses to run."""
    process = services.ServiceProcess(settings, service)
    assert process.wait_exit(60) == 1
    return process.tail()


def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[dict[str, object]]:
    for name, value in isolation.process_environment(settings).items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, f"{result.output} {result.exception!r}"
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def copy_database(endpoints: Endpoints, dsn: str, name: str) -> str:
    """A copy of a database as it is now."""
    source = dsn.rpartition("/")[2]
    with psycopg.connect(dsn, autocommit=True) as connection:
        if endpoints.timescale_version is not None:
            connection.execute("SELECT _timescaledb_functions.stop_background_workers()")

    users: list[object] = []

    def copied() -> bool:
        with psycopg.connect(endpoints.postgres_dsn, autocommit=True) as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            # One that is in use is waited for five seconds; TimescaleDB's scheduler takes its time to go by itself.
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (source,))
            try:
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(source)))
            except psycopg.errors.ObjectInUse:
                asked = "SELECT pid, backend_type, application_name, state, query FROM pg_stat_activity"
                users[:] = connection.execute(f"{asked} WHERE datname = %s", (source,)).fetchall()
                return False
        return True

    try:
        wait_for(copied, 60)
    except AssertionError as error:
        raise AssertionError(f"{source} is in use by {users}") from error
    return dsn.rpartition("/")[0] + "/" + name


def faults(done: Sequence[dict[str, object]]) -> set[object]:
    return {one["fault"] for one in done}


@pytest.mark.slow
def test_a_restored_database(
    settings: Settings, endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = world.prepare(settings, tmp_path)
    table = world.small_market(symbols=24, bars=120)
    middle = sorted(set(table.event_time.tolist()))[MIDDLE]

    def first() -> None:
        world.wait_relayed(settings, len(events))
        world.publish(settings, table.between(end=middle))

    run_and_stop(settings, first)
    name = isolation.unique_name()
    dsn = copy_database(endpoints, settings.postgres.dsn, name)
    old = isolation.isolated_settings(endpoints, settings.home, dsn, settings.topics.prefix)
    try:
        run_and_stop(settings, lambda: world.publish(settings, table.between(start=middle)))
        expected = content_of(settings)
        for service in ("features", "store", "drift"):
            assert f"signaltape repair --service {service}" in refusal(old, service)
            assert faults(command(old, monkeypatch, "repair", "--service", service)) == {"restored"}
            assert command(old, monkeypatch, "repair", "--service", service) == []
        run_and_stop(old, lambda: None)
        assert not difference(expected, content_of(old))
        check_sequence(old)
        result = reconcile(old)
        assert result.ok, [row for row in result.rows if not row.ok]
        assert next(row for row in result.rows if row.stage == "features → table").duplicates > 0
        check_verified(old)
    finally:
        isolation.drop_database(endpoints, name)


@pytest.mark.slow
def test_a_recreated_topic(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another log begins: the same bars published again make rows of a new generation, and new predictions."""
    events = world.prepare(settings, tmp_path)
    table = world.small_market(symbols=24, bars=60)
    topic = TopicNames(settings.topics.prefix).bars

    def first() -> None:
        world.wait_relayed(settings, len(events))
        world.publish(settings, table)

    run_and_stop(settings, first)
    before = content_of(settings)
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap_servers})
    admin.delete_topics([topic])[topic].result()
    wait_for(lambda: topic not in admin.list_topics(timeout=10).topics)
    initialise(settings)
    assert "was recreated" in refusal(settings, "features")
    done = command(settings, monkeypatch, "repair", "--service", "features")
    assert faults(done) == {"recreated"}
    assert {one["generation"] for one in done} == {2}
    run_and_stop(settings, lambda: world.publish(settings, table))
    after = content_of(settings)
    assert after["bars"] == before["bars"]
    assert after["features"] == sorted(before["features"] * 2)
    with connect(settings) as connection:
        generations = connection.execute("SELECT DISTINCT revision >> 40 FROM features ORDER BY 1").fetchall()
    assert generations == [(1,), (2,)]
    check_sequence(settings)


def test_nothing_to_repair_and_usage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    initialise(settings)
    for service in ("ingest", "features", "store", "drift", "inference"):
        assert command(settings, monkeypatch, "repair", "--service", service) == []
    result = CliRunner().invoke(app, ["repair", "--service", "unheard"])
    assert result.exit_code == 1
    assert "keeps no state" in str(result.exception)
    result = CliRunner().invoke(app, ["repair", "--service", "features", "--topic", "other"])
    assert "does not read other" in str(result.exception)
