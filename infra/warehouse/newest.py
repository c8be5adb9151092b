"""The newest vector of every symbol, as the warehouse has it: what the online store must show."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from infra.warehouse.checkpoints import OFFSET_BITS
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.engine_types import LatestVectors


@dataclass(frozen=True, kw_only=True, eq=False)
class NewestVectors:
    """Newest vectors of one set and interval."""

    feature_set: str
    set_version: int
    interval: str
    vectors: LatestVectors


def newest_vectors(connection: Connection) -> Iterator[NewestVectors]:
    """Newest vectors of every registered set and every interval; a set without vectors yields nothing.

    The newest is the one of the latest event time, and of the highest revision there.
    """
    for feature_set, set_version, interval, symbols in connection.execute(queries("online")["keys"]).fetchall():
        place = {"feature_set": feature_set, "set_version": set_version, "interval": interval, "symbols": symbols}
        rows = connection.execute(queries("online")["newest"], place).fetchall()
        if rows:
            vectors = _vectors(rows)
            yield NewestVectors(feature_set=feature_set, set_version=set_version, interval=interval, vectors=vectors)


def _vectors(rows: list[tuple]) -> LatestVectors:  # type: ignore[type-arg]
    symbols, times, revisions, available, close, values = zip(*rows, strict=True)
    # NULL becomes NaN here, and NaN is never stored.
    table = np.array(values, dtype=np.float64)
    valid = ~np.isnan(table)
    return LatestVectors(
        symbols=symbols,
        event_time=np.array([to_nanoseconds(one) for one in times], dtype=np.int64),
        source_offset=(np.array(revisions, dtype=np.int64) & ((1 << OFFSET_BITS) - 1)) - 1,
        values=np.where(valid, table, 0.0),
        valid=valid,
        close=np.array(close, dtype=np.float64),
        available_time=np.array([to_nanoseconds(one) for one in available], dtype=np.int64),
    )
