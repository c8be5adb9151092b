"""What the tables hold, counted by SQL."""

from collections.abc import Mapping
from typing import Any

from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from signaltape.reconciliation.tally import Key, Sums

#: Partition → generation of the log in which its present topic was first seen.
Generations = Mapping[int, int]


def generations_of(connection: Connection, service: str, topic: str) -> dict[int, int]:
    """Generations whose rows belong to the topic as it is now."""
    return {
        partition: checkpoint.first_generation
        for partition, checkpoint in read_checkpoints(connection, service, topic).items()
    }


def tally_table(
    connection: Connection,
    query: str,
    starts: Mapping[int, int],
    generations: Generations | None = None,
    topic: str = "",
) -> dict[Key, Sums]:
    """Sums by key of one named query, over rows from `starts` (partition → first offset) on.

    `topic`: of the log, for the query that asks where its sets begin.
    """
    values: dict[str, Any] = {"partitions": list(starts), "starts": list(starts.values()), "topic": topic}
    if generations is not None:
        values["generations"] = [generations.get(partition, 1) for partition in starts]
    rows = connection.execute(queries("reconcile")[query], values)
    return {tuple(row[:-3]): (row[-3], int(row[-2] or 0), int(row[-1] or 0)) for row in rows}


def kept_from_before(
    connection: Connection, generations: Generations, keys: Mapping[tuple[object, ...], list[tuple[str, ...]]]
) -> dict[Key, Sums]:
    """Bars of the present log that were stored from an earlier one under the same key, and so not again."""
    later = {partition: one for partition, one in generations.items() if one > 1}
    found: dict[Key, Sums] = {}
    if not later:
        return found
    values = {"partitions": list(later), "generations": list(later.values())}
    for partition, interval, moment, source, revision, symbol in connection.execute(
        queries("reconcile")["earlier bars"], values
    ):
        key = (partition, interval, to_nanoseconds(moment), source, revision)
        if any(symbol in symbols for symbols in keys.get(key, ())):
            count, _, _ = found.get((partition, interval, symbol), (0, 0, 0))
            found[partition, interval, symbol] = (count + 1, 0, 0)
    return found


def first_bars(connection: Connection) -> tuple[dict[Key, int], frozenset[Key]]:
    """Bars that came in order, by (interval, symbol): those that features and labels follow from.

    Second, left out of the first: those whose history was loaded by `backfill`, which begin warm.
    """
    rows = connection.execute(queries("reconcile")["first bars"]).fetchall()
    counts = {(interval, symbol): count for interval, symbol, count, loaded in rows if not loaded}
    return counts, frozenset((interval, symbol) for interval, symbol, _, loaded in rows if loaded)


def added_features(connection: Connection, topic: str, generations: Generations) -> dict[Key, int]:
    """First values, from before they were published, of sets added to the log: (set, interval, symbol) → rows."""
    values = {"topic": topic, "partitions": list(generations), "generations": list(generations.values())}
    rows = connection.execute(queries("reconcile")["added features"], values)
    return {(name, interval, symbol): count for name, interval, symbol, count in rows}


def late_bars(connection: Connection) -> dict[Key, int]:
    """Late bars by (interval, symbol): a repair brings them into state."""
    rows = connection.execute(queries("reconcile")["late bars"])
    return {(interval, symbol): count for interval, symbol, count in rows}
