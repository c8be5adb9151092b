"""A database in which TimescaleDB cannot be had, on a server that has it."""

import pytest

from infra.settings import Settings
from infra.warehouse import connect, migrator
from infra.warehouse.connection import Connection


def plain_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Drop the extension from this test's database, and keep the migrator from creating it again."""
    with connect(settings) as connection:
        connection.execute("DROP EXTENSION IF EXISTS timescaledb CASCADE")

    def no_extension(_: Connection, *, create: bool = True) -> tuple[None, None]:
        return None, None

    monkeypatch.setattr(migrator, "_extension", no_extension)
    return settings
