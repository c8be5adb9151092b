"""Reading features: point in time out of a large history, and the newest ones out of Redis.

The baseline of the first is the join that one would write first: for each pair a search of its own. It reads through
the same binary COPY, so the ratio is that of the statements. The baseline of the second is a bare MGET of as many
values of the same size.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import redis
from psycopg import sql

from infra.feature_store import FeatureStore, Pairs
from infra.feature_store.fixed_rows import read_rows
from infra.online import OnlineStore
from infra.settings import Settings
from infra.warehouse import Connection, connect
from infra.warehouse.bulk import Rows, copy_rows
from infra.warehouse.copy_format import FLOAT8, INT4, INT8, Column, Number, Text, float_array, times
from pipeline.engine_types import LatestVectors
from schemas.fields import F8Array
from schemas.intervals import HOUR, SECOND
from signaltape.bench.store import empty_database

_START = 1_600_000_200 * SECOND // HOUR * HOUR
_BLOCK = 50
_READS = 500


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is stored and asked for: rows = entities × closes, pairs = entities × moments."""

    entities: int = 1_000
    closes: int = 10_000
    moments: int = 250
    features: int = 20
    online: int = 500


def run(settings: Settings, say: Callable[[str], None] = lambda _: None, size: Size | None = None) -> dict[str, Any]:
    """Return seconds of both reads and their ratio, and milliseconds of the online reads."""
    size = size or Size()
    with empty_database(settings) as own, connect(own, name="signaltape-bench") as connection:
        loaded = _load(connection, size, say)
        pairs = _pairs(size)
        say("reading point in time")
        with FeatureStore(own, feature_set="bench", interval="1h") as store:
            begun = time.perf_counter()
            frame = store.get_point_in_time(pairs)
            ours = time.perf_counter() - begun
        say("the naive lateral join")
        begun = time.perf_counter()
        places, values = _naive(connection, pairs, size)
        theirs = time.perf_counter() - begun
        equal = bool((np.flatnonzero(frame.known) == places).all() and (frame.values[frame.known] == values).all())
    say("online")
    return {
        "rows": size.entities * size.closes,
        "rows_per_second": round(size.entities * size.closes / loaded),
        "pairs": len(pairs),
        "features": size.features,
        "known": int(frame.known.sum()),
        "seconds": round(ours, 2),
        "naive_seconds": round(theirs, 2),
        "ratio": round(theirs / ours, 2),
        "equal": equal,
        "online": _online(settings, size),
    }


def _load(connection: Connection, size: Size, say: Callable[[str], None]) -> float:
    """Store the history in order of time, as live rows come; return the seconds that it took."""
    columns = [f"feature_{number}" for number in range(size.features)]
    connection.execute("INSERT INTO feature_sets VALUES ('bench', 1, 'bench', %s)", (columns,))
    begun = time.perf_counter()
    for first in range(0, size.closes, _BLOCK):
        with connection.transaction():
            copy_rows(connection, _rows(size, range(first, min(first + _BLOCK, size.closes))))
        if first % 1_000 == 0:
            say(f"storing history, {first / size.closes:.0%}")
    seconds = time.perf_counter() - begun
    connection.execute("VACUUM ANALYZE features")
    return seconds


def _rows(size: Size, closes: range) -> Rows:
    count = len(closes) * size.entities
    event = np.repeat(_START + np.array(closes, dtype=np.int64) * HOUR, size.entities)
    values = np.sin(np.arange(count * size.features, dtype=np.float64) + closes.start).reshape(count, size.features)
    columns: dict[str, Column] = {
        "feature_set": Text.of(["bench"] * count),
        "set_version": Number(values=np.ones(count, dtype=np.int64), kind=INT4),
        "symbol": Text.of(_names(size.entities) * len(closes)),
        "interval": Text.of(["1h"] * count),
        "event_time": times(event),
        "revision": Number(values=np.repeat(np.array(closes, dtype=np.int64) + 1, size.entities), kind=INT8),
        "available_time": times(event + 5 * SECOND),
        "ingest_time": times(event + 6 * SECOND),
        "kind": Text.of(["live"] * count),
        "close": Number(values=values[:, 0], kind=FLOAT8),
        "values": float_array(values, np.ones(values.shape, dtype=np.bool_)),
        "partition": Number(values=np.zeros(count, dtype=np.int64), kind=INT4),
    }
    return Rows.of("features", [columns], [count])


def _names(count: int) -> list[str]:
    return [f"SYM{number:04}" for number in range(count)]


def _pairs(size: Size) -> Pairs:
    """Every entity at its own random times, all pairs in random order."""
    rng = np.random.default_rng(3)
    names = np.repeat(np.arange(size.entities), size.moments)
    moments = _START + rng.integers(0, size.closes * 3_600, names.shape[0]) * SECOND
    order = rng.permutation(names.shape[0])
    known = _names(size.entities)
    return Pairs.columns([known[place] for place in names[order]], moments[order])


_NAIVE = sql.SQL("""
SELECT pair.place::int8, newest.numbers
FROM unnest(%(entities)s::text[], %(as_of)s::int8[]) WITH ORDINALITY AS pair (entity, micros, place)
CROSS JOIN LATERAL (SELECT timestamptz 'epoch' + pair.micros * interval '1 microsecond' AS as_of) AS moment
CROSS JOIN LATERAL (
    SELECT ARRAY[{columns}] AS numbers
    FROM features f
    WHERE f.symbol = pair.entity AND f.interval = '1h' AND f.feature_set = 'bench' AND f.set_version = 1
      AND f.event_time <= moment.as_of AND f.available_time <= moment.as_of AND f.ingest_time <= moment.as_of
    ORDER BY f.event_time DESC, f.revision DESC
    LIMIT 1
) AS newest
ORDER BY pair.place
""")


def _naive(connection: Connection, pairs: Pairs, size: Size) -> tuple[np.ndarray[Any, Any], F8Array]:
    """Places (from 0) of the pairs that have an answer, and their values."""
    elements = [sql.SQL('f."values"[{}]').format(place + 1) for place in range(size.features)]
    statement = _NAIVE.format(columns=sql.SQL(", ").join(elements))
    bound = {
        "entities": [pairs.entities[code] for code in pairs.codes.tolist()],
        "as_of": (pairs.as_of // 1000).tolist(),
    }
    (places,), values = read_rows(connection, statement, bound, integers=1, floats=size.features)
    return places - 1, values


def _online(settings: Settings, size: Size) -> dict[str, float]:
    store = OnlineStore(settings)
    names = tuple(_names(size.online))
    values = np.sin(np.arange(size.online * size.features, dtype=np.float64)).reshape(size.online, size.features)
    stamps = np.full(size.online, _START)
    vectors = LatestVectors(
        symbols=names,
        event_time=stamps,
        source_offset=np.zeros(size.online, dtype=np.int64),
        values=values,
        valid=np.ones(values.shape, dtype=np.bool_),
        close=values[:, 0],
        available_time=stamps,
    )
    bare = redis.Redis.from_url(settings.redis.url)
    keys = [f"bench-bare:{name}" for name in names]
    try:
        store.write("bench", 1, "1h", vectors, force=True)
        bare.mset(dict.fromkeys(keys, b"x" * (size.features * 9 + 40)))
        ours = _timed(lambda: store.read("bench", 1, "1h", names))
        theirs = _timed(lambda: bare.mget(keys))
    finally:
        store.remove("bench", 1, "1h", names)
        bare.delete(*keys)
        store.close()
        bare.close()
    figures: dict[str, float] = {"entities": size.online, "features": size.features}
    for name, spans in (("read", ours), ("bare_mget", theirs)):
        figures[f"{name}_p50_ms"] = round(float(np.percentile(spans, 50)), 2)
        figures[f"{name}_p99_ms"] = round(float(np.percentile(spans, 99)), 2)
    return figures


def _timed(call: Callable[[], object]) -> Sequence[float]:
    spans = []
    for _ in range(_READS):
        begun = time.perf_counter()
        call()
        spans.append((time.perf_counter() - begun) * 1_000)
    return spans
