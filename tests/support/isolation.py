"""Settings of one test on the shared servers: topics, tables and keys of its own."""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from confluent_kafka import KafkaException
from psycopg import sql

from infra.broker.admin import admin_client
from infra.settings import Settings, load_settings
from infra.stack import Endpoints
from tests.support.waiting import wait_for

_TEMPLATE = "with_extension"


def unique_name(prefix: str = "t") -> str:
    """A name that no other test uses: letters and digits only."""
    return f"{prefix}{secrets.token_hex(5)}"


def create_database(endpoints: Endpoints, name: str) -> str:
    """Create an empty database, with the TimescaleDB extension if the server has it; its DSN."""
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    with psycopg.connect(endpoints.postgres_dsn, autocommit=True) as connection:
        if endpoints.timescale_version is not None:
            _make_template(connection, endpoints)
            statement += sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(_TEMPLATE))
        connection.execute(statement)
    return _dsn(endpoints, name)


def _make_template(connection: "psycopg.Connection[tuple[Any, ...]]", endpoints: Endpoints) -> None:
    """Make the database that holds the extension and nothing else, once a server: a copy of it costs far less."""
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", (_TEMPLATE,)).fetchone() is not None:
        return
    name = sql.Identifier(_TEMPLATE)
    connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    with psycopg.connect(_dsn(endpoints, _TEMPLATE), autocommit=True) as inside:
        inside.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    # Nobody may hold it while it is copied, TimescaleDB's scheduler neither.
    connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    ended = "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s"  # waits until it is gone
    connection.execute(ended, (_TEMPLATE,))


def _dsn(endpoints: Endpoints, name: str) -> str:
    return urlunsplit(urlsplit(endpoints.postgres_dsn)._replace(path=f"/{name}"))


def drop_database(endpoints: Endpoints, name: str) -> None:
    """Drop a test's database together with the connections that are left to it."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))

    def dropped() -> bool:
        try:  # one whose users take more than five seconds to go, on a busy machine, is in use
            connection.execute(statement)
        except psycopg.errors.ObjectInUse:
            return False
        return True

    with psycopg.connect(endpoints.postgres_dsn, autocommit=True) as connection:
        wait_for(dropped, 60, f"{name} to be dropped")


def drop_topics(settings: Settings) -> None:
    """Remove the topics of a test's prefix: a broker that keeps thousands of them takes minutes to start again."""
    admin = admin_client(settings)
    mine = [name for name in admin.list_topics(timeout=30).topics if name.startswith(settings.topics.prefix)]
    assert settings.topics.prefix
    for future in (admin.delete_topics(mine, operation_timeout=30) if mine else {}).values():
        with suppress(KafkaException):  # the servers may be gone with the test
            future.result()


def isolated_settings(endpoints: Endpoints, home: Path, dsn: str, prefix: str, **groups: object) -> Settings:
    """Settings on the stack's servers with a topic prefix, a database and a home folder of their own."""
    return load_settings(
        **{
            "home": home,
            "kafka": {"bootstrap_servers": endpoints.bootstrap_servers},
            "postgres": {"dsn": dsn},
            "redis": {"url": endpoints.redis_url},
            "topics": {"prefix": prefix},
            **groups,
        }
    )


def process_environment(settings: Settings, **extra: str) -> dict[str, str]:
    """Environment in which a process of the product loads these very settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALTAPE_")}
    for group, value in settings.model_dump(mode="json").items():
        name = f"SIGNALTAPE_{group.upper()}"
        kept[name] = value if isinstance(value, str) else json.dumps(value)
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}
