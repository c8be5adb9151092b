"""The session's stack does what the product needs of it."""

import psycopg
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from infra.settings import Settings
from infra.stack import Endpoints
from tests.support.providers import TestStack, allow_plain_postgres


def test_postgres_has_hypertables(settings: Settings, endpoints: Endpoints) -> None:
    if allow_plain_postgres() and endpoints.timescale_version is None:
        return
    with psycopg.connect(settings.postgres.dsn) as connection:
        connection.execute("CREATE TABLE ticks (at timestamptz NOT NULL, value float8)")
        row = connection.execute("SELECT create_hypertable('ticks', 'at')::text").fetchone()
    assert row is not None
    assert "ticks" in row[0]
    assert endpoints.timescale_license is not None


def test_broker_keeps_offsets_of_idle_groups_for_years(endpoints: Endpoints) -> None:
    admin = AdminClient({"bootstrap.servers": endpoints.bootstrap_servers})
    resource = ConfigResource(ResourceType.BROKER, "1")
    found = admin.describe_configs([resource])[resource].result(10)
    assert int(found["offsets.retention.minutes"].value) >= 365 * 24 * 60
    assert int(found["message.max.bytes"].value) >= 16 * 1024 * 1024
    assert found["auto.create.topics.enable"].value == "false"
    assert found["transaction.abort.timed.out.transaction.cleanup.interval.ms"].value == "10000"


def test_postgres_keeps_rows_through_a_kill(stack: TestStack, settings: Settings) -> None:
    with psycopg.connect(settings.postgres.dsn) as connection:
        connection.execute("CREATE TABLE kept (value int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    stack.kill("postgres")
    stack.start_server("postgres")
    with psycopg.connect(settings.postgres.dsn) as connection:
        assert connection.execute("SELECT value FROM kept").fetchall() == [(7,)]
