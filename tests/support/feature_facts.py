"""Facts for the feature store, and plain Python that says what was known of them at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from infra.warehouse import Connection
from infra.warehouse.bulk import Rows, copy_rows
from infra.warehouse.copy_format import FLOAT8, INT4, INT8, Number, Text, float_array, times

FEATURES = ("a", "b", "c", "d")
SETS = (("core", 1, "hash", list(FEATURES)), ("core", 2, "other", list(FEATURES)), ("minimal", 1, "m", ["b"]))


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One vector with its three clocks, ns UTC. `values`: one per feature, None where undefined."""

    entity: str
    event: int
    available: int
    ingest: int
    revision: int = 0
    values: tuple[float | None, ...] = field(default=(1.0, 2.0, 3.0, 4.0))
    feature_set: str = "core"
    version: int = 1
    interval: str = "1m"


def insert(connection: Connection, facts: Sequence[Fact]) -> None:
    """Store facts, `ingest_time` included, in the order given."""
    if not facts:
        return
    table = np.array([[np.nan if one is None else one for one in fact.values] for fact in facts])
    rows = Rows.of(
        "features",
        [
            {
                "feature_set": Text.of([fact.feature_set for fact in facts]),
                "set_version": _number([fact.version for fact in facts], INT4),
                "symbol": Text.of([fact.entity for fact in facts]),
                "interval": Text.of([fact.interval for fact in facts]),
                "event_time": times(_array([fact.event for fact in facts])),
                "revision": _number([fact.revision for fact in facts], INT8),
                "available_time": times(_array([fact.available for fact in facts])),
                "ingest_time": times(_array([fact.ingest for fact in facts])),
                "kind": Text.of(["correction" if fact.revision else "live" for fact in facts]),
                "close": Number(values=np.ones(len(facts)), kind=FLOAT8),
                "values": float_array(np.nan_to_num(table), ~np.isnan(table)),
                "partition": _number([0] * len(facts), INT4),
            }
        ],
        [len(facts)],
    )
    copy_rows(connection, rows)


def known_at(facts: Iterable[Fact], entity: str, as_of: int, knowledge: str, max_age: int | None = None) -> Fact | None:
    """The oracle: looks at every fact. Stored times are whole microseconds, so an as-of time is cut to them."""
    found: Fact | None = None
    for fact in facts:
        if (fact.entity, fact.feature_set, fact.version, fact.interval) != (entity, "core", 1, "1m"):
            continue
        clocks = [fact.event, fact.available] + ([fact.ingest] if knowledge == "ingested" else [])
        if max(clocks) > as_of // 1000 * 1000:
            continue
        if found is None or (fact.event, fact.revision) > (found.event, found.revision):
            found = fact
    if found is not None and max_age is not None and as_of - found.event > max_age:
        return None
    return found


def _array(values: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def _number(values: Sequence[int], kind: np.dtype[np.int64]) -> Number:
    return Number(values=_array(values), kind=kind)
