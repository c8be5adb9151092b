"""What a look from outside asks the warehouse: positions, size, newest rows. Each question is a few milliseconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from infra.warehouse.connection import Connection
from infra.warehouse.errors import WarehouseError
from infra.warehouse.queries import queries


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """database: its name. bytes_used: on its server's disk. ages: table → seconds since its newest row's event time."""

    database: str
    bytes_used: int
    ages: dict[str, float]


def positions(connection: Connection, topics: Sequence[str]) -> dict[tuple[str, str, int], int]:
    """(service, topic, partition) → next offset, of the services that keep their offsets with their rows.

    Raises WarehouseError before `signaltape init`.
    """
    named = _named(connection)
    rows = connection.execute(named["positions"], {"topics": list(topics)}).fetchall()
    return {(service, topic, partition): offset for service, topic, partition, offset in rows}


def sizes(connection: Connection) -> Sizes:
    """Read them. Raises WarehouseError before `signaltape init`."""
    named = _named(connection)
    found = connection.execute(named["size"]).fetchone()
    assert found is not None
    ages = connection.execute(named["newest ages"]).fetchall()
    return Sizes(database=found[0], bytes_used=found[1], ages=dict(ages))


def _named(connection: Connection) -> Mapping[str, LiteralString]:
    """The queries, in a transaction whose questions end after seconds: nobody may wait for a monitor's."""
    named = queries("monitoring")
    connection.execute(named["patience"])
    ready = connection.execute(named["tables"]).fetchone()
    if ready is None or not ready[0]:
        raise WarehouseError("no tables yet; run `signaltape init`")
    return named
