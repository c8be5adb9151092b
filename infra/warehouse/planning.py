"""How Postgres is to plan joins of what has no index: rows that a statement made itself."""

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries


def only_hash_joins(connection: Connection) -> None:
    """Until the caller's transaction ends joins don't ask for statistics, which a table gets minutes after its rows."""
    connection.execute(queries("planning")["only hash joins"])
