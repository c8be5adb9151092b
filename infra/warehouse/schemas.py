"""Schemas beside the live one: whether one is there, and its removal, which only a replay's can be."""

from psycopg import sql

from infra.settings import Settings
from infra.warehouse.connection import connect
from infra.warehouse.queries import queries
from pipeline.replay.naming import require_schema


def schema_exists(settings: Settings, schema: str) -> bool:
    """True if the database has a schema of this name."""
    with connect(settings, name="signaltape-schemas") as connection:
        return connection.execute(queries("migrations")["schemas like"], {"schema": schema}).fetchone() is not None


def schema_tables(settings: Settings, schema: str) -> list[str]:
    """Names of a schema's tables."""
    with connect(settings, name="signaltape-schemas") as connection:
        rows = connection.execute(queries("migrations")["tables of schema"], {"schema": schema})
        return [str(row[0]) for row in rows]


def drop_schema(settings: Settings, schema: str) -> int:
    """Drop a replay's schema with its tables; return how many those were. Raises ``NotAReplayError`` for another one.

    Table by table: a hypertable has a lock for each chunk and index, and one transaction may hold only so many.
    """
    require_schema(schema)
    named = queries("migrations")
    tables = schema_tables(settings, schema)
    with connect(settings, name="signaltape-schemas") as connection:
        for table in tables:
            connection.execute(sql.SQL(named["drop table"]).format(table=sql.Identifier(schema, table)))
        connection.execute(sql.SQL(named["drop schema"]).format(schema=sql.Identifier(schema)))
    return len(tables)
