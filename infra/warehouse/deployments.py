"""Control events as the store keeps them, and where each of them was seen to act."""

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries


def latest_effect(connection: Connection, control: str) -> dict[int, int]:
    """Control offset → latest bar time (ns UTC) from which it acts on any partition, of those that were received.

    ``control``: the topic's name; offsets of an earlier log of that name don't count.
    """
    rows = connection.execute(queries("deployments")["latest effect"], {"control": control})
    return {int(offset): to_nanoseconds(at) for offset, at in rows}


def effects(connection: Connection, control: str) -> dict[int, dict[int, int]]:
    """Partition → control offset → bar time (ns UTC) from which it acts there, of those that were received."""
    found: dict[int, dict[int, int]] = {}
    for partition, offset, at in connection.execute(queries("deployments")["effects"], {"control": control}):
        found.setdefault(int(partition), {})[int(offset)] = to_nanoseconds(at)
    return found
