"""Values of features that the engine does not compute: checked whole, then stored in one transaction.

1. Everything is checked before anything is sent: names, times, values, that no value is given twice.
2. In one transaction: the feature's writers wait for each other, its type is registered or compared, the values are
   compared with the newest ones stored, and only what differs becomes a row.

A process that dies before the commit leaves nothing. After it, the same call again inserts nothing.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from infra.feature_store.catalog import Catalog
from infra.feature_store.errors import InvalidRequest
from infra.feature_store.pairs import Moment, nanoseconds, text
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from schemas.names import is_name

#: One value is a number or a small document, not a file.
MAX_JSON_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Who computed the values: a producer's name, its version (a git SHA, where it has one), and the run."""

    producer: str
    producer_version: str
    run_id: str


@dataclass(frozen=True, kw_only=True)
class Values:
    """n values of one feature. rows: (entity, event time in ns UTC, value as it goes into its column)."""

    feature: str
    version: int
    kind: str
    lag: timedelta
    provenance: Provenance
    rows: tuple[tuple[str, int, Any], ...]


def checked(
    feature: str,
    columns: tuple[Sequence[str], Sequence[Moment], Sequence[Any]],
    version: int,
    lag: timedelta,
    provenance: Provenance,
) -> Values:
    """Return the values ready to be stored; InvalidRequest names the first thing that is wrong."""
    entities, times, values = columns
    for label, name in (("feature", feature), ("producer", provenance.producer), ("run_id", provenance.run_id)):
        if not is_name(name):
            raise InvalidRequest(f"{label} {name!r:.100} is no name: 1 to 128 characters, no NUL")
    if version < 1:
        raise InvalidRequest(f"feature_version must be at least 1, got {version}")
    if lag < timedelta(0):
        raise InvalidRequest(f"availability_lag must not be negative, got {lag}: nothing is known before it happened")
    if isinstance(entities, str):
        raise InvalidRequest(f"entities must be a list of names, got the one text {entities!r}")
    if not len(entities) == len(times) == len(values):
        raise InvalidRequest(f"{len(entities)} entities, {len(times)} times and {len(values)} values do not match")
    if not values:
        raise InvalidRequest("no values: give at least one")
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    rows: dict[tuple[str, int], Any] = {}
    for entity, moment, value in zip(entities, times, values, strict=True):
        key = (entity, _event_time(entity, moment))
        stored = _number(feature, key, value) if numeric else _document(feature, key, value)
        if rows.setdefault(key, stored) != stored:
            raise InvalidRequest(f"two values of {feature!r} for {entity} at {text(key[1])}: give the one that counts")
    return Values(
        feature=feature,
        version=version,
        kind="double" if numeric else "json",
        lag=lag,
        provenance=provenance,
        rows=tuple((*key, value) for key, value in rows.items()),
    )


def store(connection: Connection, values: Values) -> int:
    """Store what is new in the caller's transaction; return how many rows were inserted."""
    _refuse_engine_columns(connection, values.feature)
    named = queries("feature_values")
    place = {"feature": values.feature, "version": values.version, "kind": values.kind}
    connection.execute(named["lock"], place)
    connection.execute(named["define"], place)
    row = connection.execute(named["defined"], place).fetchone()
    if row is None or row[0] != values.kind:
        known = "nothing" if row is None else row[0]
        raise InvalidRequest(
            f"feature {values.feature!r} version {values.version} holds {known} values, these are {values.kind}: "
            "raise its version"
        )
    connection.execute(named["incoming"])
    with connection.cursor().copy(named["copy"]) as copy:
        for entity, event_time, value in values.rows:
            number, document = (value, None) if values.kind == "double" else (None, value)
            copy.write_row((entity, to_moment(event_time), number, document))
    written = values.provenance
    bound = {"lag": values.lag, "producer": written.producer, "producer_version": written.producer_version}
    return connection.execute(named["insert"], place | bound | {"run_id": written.run_id}).rowcount


def _refuse_engine_columns(connection: Connection, feature: str) -> None:
    for (name, version), has in sorted(Catalog.read(connection).sets.items()):
        if feature in has.features:
            raise InvalidRequest(
                f"{feature!r} is a column of feature set {name} version {version}, which the engine computes; "
                "choose another name"
            )


def _event_time(entity: Any, moment: Moment) -> int:
    if not isinstance(entity, str) or not is_name(entity):
        raise InvalidRequest(f"{entity!r:.100} is no name of an entity")
    time = nanoseconds(moment)
    if time % 1000:
        raise InvalidRequest(f"event time {time} of {entity} is finer than a microsecond, which the store cannot keep")
    return time


def _number(feature: str, key: tuple[str, int], value: float) -> float:
    if not math.isfinite(value):
        raise InvalidRequest(f"{feature!r} of {key[0]} at {text(key[1])} is {value}: leave out what is undefined")
    return float(value)


def _document(feature: str, key: tuple[str, int], value: Any) -> str:
    if value is None:
        raise InvalidRequest(f"{feature!r} of {key[0]} at {text(key[1])} is None: leave out what is undefined")
    try:
        document = json.dumps(value, allow_nan=False, sort_keys=True, ensure_ascii=False)
        size = len(document.encode())
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{feature!r} of {key[0]} at {text(key[1])} is no JSON: {error}") from error
    if size > MAX_JSON_BYTES or "\\u0000" in document:
        raise InvalidRequest(
            f"{feature!r} of {key[0]} at {text(key[1])} has {size} bytes or a NUL; "
            f"a value may have {MAX_JSON_BYTES} bytes and no NUL"
        )
    return document
