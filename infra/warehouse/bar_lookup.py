"""Finds stored bars for the rows that an engine can't decide from memory."""

from collections.abc import Sequence

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from pipeline.engine_types import Lookup, StoredBar


def find_stored(
    connection: Connection, lookups: Sequence[Lookup], before_offset: int, first_generation: int
) -> dict[int, StoredBar | None]:
    """Row → the bar that the log before `before_offset` holds under its key, None if there is none.

    `first_generation`: the first one whose offsets count in this log; a repair that kept the log only added others.
    Only what is committed is seen: rounds before `before_offset` must have been written (or be searched by the
    caller as well). Later bars are never seen, so that reading the log again decides as the first time.
    """
    found: dict[int, StoredBar | None] = {}
    for one in lookups:
        values = {
            "symbol": one.symbol,
            "interval": one.interval,
            "event_time": to_moment(one.event_time),
            "source": one.source,
            "revision": one.revision,
            "before": before_offset,
            "first_generation": first_generation,
        }
        row = connection.execute(queries("features")["find bar"], values).fetchone()
        found[one.row] = None if row is None else _stored(row)
    return found


def _stored(row: tuple[int, float, float, float, float, float | None]) -> StoredBar:
    revision, open_, high, low, close, volume = row
    return StoredBar(revision=revision, open=open_, high=high, low=low, close=close, volume=volume)
