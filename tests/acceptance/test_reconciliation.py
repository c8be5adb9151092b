"""The reconciliation of a whole pipeline: green when nothing was lost or doubled, red for one row either way."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from infra.online import OnlineStore
from infra.settings import Settings
from infra.stack import Endpoints
from infra.warehouse import connect
from signaltape.cli import app
from signaltape.reconcile import Line, Reconciliation, reconcile, reconcile_on
from tests.support import isolation, services, world
from tests.support.isolation import process_environment

SERVICES = ("ingest", "features", "inference", "store", "drift")


@pytest.fixture(scope="module")
def flown(endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A pipeline at rest, through which a session of simulated bars has flowed."""
    folder: Path = tmp_path_factory.mktemp("flown")
    name = isolation.unique_name()
    dsn = isolation.create_database(endpoints, name)
    settings = isolation.isolated_settings(endpoints, folder / "home", dsn, f"{name}.")
    events = world.prepare(settings, folder, ("alpha", "beta"))
    with services.running(settings, *SERVICES) as started:
        world.wait_relayed(settings, len(events))
        world.publish(settings, world.small_market(symbols=24, bars=150))
        world.wait_drained(settings)
        # In order: killed, the feature agent may have stored a vector and not have written it to Redis yet.
        assert [process.stop() for process in started.values()] == [0] * len(started)
    yield settings
    isolation.drop_database(endpoints, name)


def line(result: Reconciliation, stage: str) -> Line:
    (found,) = [row for row in result.rows if row.stage == stage]
    return found


def test_everything_reconciles(flown: Settings) -> None:
    result = reconcile(flown)
    assert result.ok, "\n".join(f"{row.stage}: {row}" for row in result.rows if not row.ok)
    assert all(row.in_ > 0 for row in result.rows if row.stage != "alerts ↔ table")
    stages = [row.stage for row in result.rows]
    assert "returns(20) = Σ max(0, bars − 20)" in stages
    assert line(result, "predictions = warm vectors × models").out == 2 * line(result, "features → table").out


TABLES = {
    "bars": "bars → table",
    "features": "features → table",
    "returns": "returns → table",
    "predictions": "predictions → table",
    "signals": "signals → table",
    "log_events": "other messages of bars → table",
    "deployments": "control → deployments",
}
#: What makes a copy of a row another row: one column of its key.
DOUBLED = {
    "bars": "revision = revision + 1",
    "features": "revision = revision + (1::bigint << 40)",
    "returns": "revision = revision + (1::bigint << 40)",
    "predictions": "role = 'shadow'",
    "signals": "signal_id = signal_id || 'x'",
    "log_events": "generation = generation + 1",
    "deployments": "control_offset = control_offset + 100",
}


def _delete(table: str) -> str:
    return f"DELETE FROM {table} WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"


def _double(table: str, place: int = 0) -> str:
    return (
        f"CREATE TEMPORARY TABLE copied AS SELECT * FROM {table} OFFSET {place} LIMIT 1;"
        f"UPDATE copied SET {DOUBLED[table]}; INSERT INTO {table} SELECT * FROM copied; DROP TABLE copied"
    )


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("fault", ["deleted", "doubled", "one deleted, another doubled"])
def test_one_row_is_seen(flown: Settings, table: str, fault: str) -> None:
    statements = {
        "deleted": [_delete(table)],
        "doubled": [_double(table)],
        "one deleted, another doubled": [_double(table, 1), _delete(table)],
    }[fault]
    with connect(flown) as connection, connection.transaction(force_rollback=True):
        for statement in statements:
            connection.execute(statement.encode())
        result = reconcile_on(connection, flown)
    assert not result.ok
    assert not line(result, TABLES[table]).ok


def test_a_changed_value_in_redis_is_seen(flown: Settings) -> None:
    store = OnlineStore(flown)
    symbol = store.symbols("core", 1, "1m")[0]
    key = store.key("core", 1, "1m", symbol)
    client = redis.Redis.from_url(flown.redis.url)
    kept = client.get(key)
    client.delete(key)
    assert not line(reconcile(flown), "newest vectors → Redis").ok
    client.set(key, kept)
    assert line(reconcile(flown), "newest vectors → Redis").ok
    client.close()
    store.close()


def test_the_command_exits_with_1(flown: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in process_environment(flown).items():
        monkeypatch.setenv(name, value)
    runner = CliRunner()
    result = runner.invoke(app, ["reconcile", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["reconciled"] is True
    assert {"stage", "in", "out", "duplicates", "dead_lettered"} <= set(report["reconciliation"][0])
    with connect(flown) as connection:
        connection.execute("CREATE TABLE kept AS SELECT * FROM signals LIMIT 1")
        connection.execute("DELETE FROM signals s USING kept k WHERE s.signal_id = k.signal_id")
        result = runner.invoke(app, ["reconcile"])
        connection.execute("INSERT INTO signals SELECT * FROM kept")
        connection.execute("DROP TABLE kept")
    assert result.exit_code == 1
    assert "NOT reconciled" in result.output
