"""How old the newest stored features are, and what waits for a repair."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from infra.warehouse.connection import Connection
from infra.warehouse.errors import WarehouseError
from infra.warehouse.queries import queries


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """One set and interval.

    warm: symbols with a vector; warming: those that have bars only. stale: symbols whose newest vector is older than
    the limit. newest, age_s: close and age of the newest vector of all, None before the first.
    """

    feature_set: str
    set_version: int
    interval: str
    warm: int
    warming: int
    newest: datetime | None
    age_s: float | None
    stale: int


@dataclass(frozen=True, kw_only=True)
class StoredState:
    """What the warehouse says of features and repairs. awaiting_repair: (symbol, interval) with open requests."""

    features: tuple[Freshness, ...]
    awaiting_repair: tuple[tuple[str, str], ...]
    open_repairs: int


def stored_state(connection: Connection, stale_after_s: float) -> StoredState | None:
    """Read it; None before `signaltape init`."""
    named = queries("freshness")
    ready = connection.execute(named["tables"]).fetchone()
    if ready is None or not ready[0]:
        return None
    try:
        with connection.transaction():
            connection.execute(named["patience"])
            found = connection.execute(named["features"], {"limit": timedelta(seconds=stale_after_s)}).fetchall()
            bars: dict[str, int] = dict(connection.execute(named["bars"]).fetchall())
    except psycopg.errors.QueryCanceled as error:
        raise WarehouseError("how fresh the features are could not be told within 5 s; the history is long") from error
    sets = connection.execute(named["sets"]).fetchall()
    known = {(name, version, interval) for name, version, interval, *_ in found}
    cold = [(*one, interval, 0, None, None, 0) for one in sets for interval in bars if (*one, interval) not in known]
    rows = sorted([*found, *cold], key=lambda row: row[:3])
    waiting = connection.execute(named["repairs"]).fetchall()
    return StoredState(
        features=tuple(
            Freshness(
                feature_set=row[0],
                set_version=row[1],
                interval=row[2],
                warm=row[3],
                warming=max(0, bars.get(row[2], 0) - row[3]),
                newest=row[4],
                age_s=row[5],
                stale=row[6],
            )
            for row in rows
        ),
        awaiting_repair=tuple((symbol, interval) for symbol, interval, _ in waiting),
        open_repairs=sum(count for _, _, count in waiting),
    )
