"""The warehouse: Postgres with TimescaleDB. Schema, checkpoints, and one writer per kind of round."""

from infra.warehouse.connection import Connection, Warehouse, connect
from infra.warehouse.errors import (
    MissingCheckpoint,
    StaleEpoch,
    TopicMismatch,
    WarehouseError,
    WarehouseUnavailable,
)
from infra.warehouse.migrator import MigrationReport, migrate

__all__ = [
    "Connection",
    "MigrationReport",
    "MissingCheckpoint",
    "StaleEpoch",
    "TopicMismatch",
    "Warehouse",
    "WarehouseError",
    "WarehouseUnavailable",
    "connect",
    "migrate",
]
