"""Bulk writing: COPY straight into a table, or past rows that exist already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from infra.warehouse.connection import Connection
from infra.warehouse.copy_format import HEADER, TRAILER, Column, encode_rows


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows for one table, ready to be sent; columns that are not named take their defaults."""

    table: str
    columns: tuple[str, ...]
    data: bytes
    count: int

    @classmethod
    def of(cls, table: str, groups: Sequence[dict[str, Column]], counts: Sequence[int]) -> "Rows":
        """Encode groups of columns by name; every group has the same names and its own number of rows."""
        data = b"".join(encode_rows(list(group.values())) for group in groups)
        names = tuple(groups[0]) if groups else ()
        return cls(table=table, columns=names, data=data, count=sum(counts))


def copy_rows(connection: Connection, rows: Rows) -> int:
    """Add rows; raises psycopg.errors.UniqueViolation if one exists. Returns how many."""
    if rows.count:
        _copy(connection, rows.table, rows)
    return rows.count


def merge_rows(connection: Connection, rows: Rows) -> int:
    """Add the rows that don't exist yet and return how many, inside the caller's transaction.

    Rows that exist stay as they are, their `ingest_time` too.
    """
    return connection.execute(_merging(connection, rows)).rowcount if rows.count else 0


def merge_rows_returning(connection: Connection, rows: Rows, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The same; returns the values of these columns, of each row that was added."""
    if not rows.count:
        return []
    returning = sql.SQL(" RETURNING ") + sql.SQL(", ").join(map(sql.Identifier, names))
    return connection.execute(_merging(connection, rows) + returning).fetchall()


def _merging(connection: Connection, rows: Rows) -> sql.Composed:
    """Bring the rows into a table of this transaction's own; the statement that adds them from there."""
    staging, table = sql.Identifier(f"staging_{rows.table}"), sql.Identifier(rows.table)
    names = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP").format(staging, table)
    )
    _copy(connection, f"staging_{rows.table}", rows)
    insert = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING")
    return insert.format(table, names, names, staging)


def _copy(connection: Connection, table: str, rows: Rows) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table), names)
    with connection.cursor().copy(statement) as copy:
        copy.write(HEADER + rows.data + TRAILER)
