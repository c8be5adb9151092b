"""Settings of one test on the shared servers: topics, tables and keys of its own."""

import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from infra.settings import Settings, load_settings
from infra.stack import Endpoints


def unique_name(prefix: str = "t") -> str:
    """A name that no other test uses: letters and digits only."""
    return f"{prefix}{secrets.token_hex(5)}"


def create_database(endpoints: Endpoints, name: str) -> str:
    """Create an empty database, with the TimescaleDB extension if the server has it; its DSN."""
    with psycopg.connect(endpoints.postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    parts = urlsplit(endpoints.postgres_dsn)
    dsn = urlunsplit(parts._replace(path=f"/{name}"))
    if endpoints.timescale_version is not None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return dsn


def drop_database(endpoints: Endpoints, name: str) -> None:
    """Drop a test's database together with the connections that are left to it."""
    with psycopg.connect(endpoints.postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


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
