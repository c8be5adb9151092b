"""What the warehouse says about how models are worked with."""

import psycopg

from infra.warehouse.connection import Connection
from infra.warehouse.errors import WarehouseError
from infra.warehouse.queries import queries


def maturity_measures(connection: Connection) -> dict[str, float | None]:
    """Measure → number; None for a share of nothing. Raises WarehouseError before `signaltape init`."""
    try:
        cursor = connection.execute(queries("maturity")["measures"])
    except psycopg.errors.UndefinedTable as error:
        raise WarehouseError("there are no tables yet: `signaltape init`") from error
    names = [column.name for column in cursor.description or ()]
    row = cursor.fetchone() or ()
    return {name: None if value is None else float(value) for name, value in zip(names, row, strict=True)}
