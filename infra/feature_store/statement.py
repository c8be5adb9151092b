"""The statement that reads a kind of source point in time: built for the pairs asked and the chunks stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import numpy as np
from psycopg import sql

from infra.feature_store.catalog import Selection
from infra.feature_store.frame import Knowledge
from infra.feature_store.pairs import Chains, Pairs
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from schemas.fields import I8Array


@dataclass(frozen=True, kw_only=True)
class Question:
    """A read that has been checked. max_age: ns, None for no limit."""

    pairs: Pairs
    chosen: Selection
    knowledge: Knowledge
    max_age: int | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table, what picks an entity's rows, and what is read of a row. ``features``: names searched one by one."""

    table: str
    rows: LiteralString
    content: sql.Composable
    features: tuple[str, ...] = ("",)


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """The pairs whose as-of times lie in [start, stop): runs of one entity's pairs, and the times of all of them."""

    start: Any
    stop: Any
    columns: Mapping[str, list[Any]]


def vectors(chosen: Selection) -> Source:
    """A set's vectors: those features that were asked for, NaN where undefined."""
    elements = [sql.SQL("""coalesce(f."values"[{}], 'NaN')""").format(place + 1) for place in chosen.vector]
    content = sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(elements))
    return Source(table="features", rows=queries("point_in_time")["vectors"], content=content)


def doubles(chosen: Selection) -> Source:
    """Numbers with rows of their own."""
    return _values(sql.SQL("ARRAY[f.value_double]"), chosen.doubles)


def documents(chosen: Selection) -> Source:
    """JSON documents."""
    return _values(sql.SQL("f.value_json"), chosen.documents)


def statement(
    connection: Connection, question: Question, chains: Chains, source: Source
) -> tuple[sql.Composed, dict[str, Any]]:
    """The statement and its parameters. Where chunks begin decides how fast it is, never what it says."""
    named = queries("point_in_time")
    rows = sql.SQL(source.rows)
    bound, near = _parameters(question, chains, source), []
    for number, stretch in enumerate(_stretches(chains, _chunk_starts(connection, source.table))):
        # Names of entities are bound: text that comes from outside is never part of the statement.
        names = {column: f"{column}_{number}" for column in stretch.columns}
        bound |= {names[column]: values for column, values in stretch.columns.items()}
        places: dict[str, sql.Composable] = {column: sql.Placeholder(name) for column, name in names.items()}
        places |= {"start": sql.Literal(stretch.start), "stop": sql.Literal(stretch.stop)}
        near.append(sql.SQL(named["near"]).format(content=source.content, rows=rows, **places))
    query = sql.SQL(named["known"]).format(
        near=sql.SQL("\nUNION ALL\n").join(near),
        newest=sql.SQL(named["newest"]).format(content=source.content, rows=rows),
    )
    return query, bound


def _parameters(question: Question, chains: Chains, source: Source) -> dict[str, Any]:
    chosen, times = question.chosen, chains.as_of
    since = "-infinity" if question.max_age is None else to_moment(int(times.min()) - question.max_age)
    return {
        "features": list(source.features),
        "feature_set": chosen.feature_set,
        "version": chosen.version,
        "interval": chosen.interval,
        "since": since,
        "until": to_moment(int(times.max()) // 1000 * 1000),
        "ingested": question.knowledge == "ingested",
    }


def _values(content: sql.Composable, features: Sequence[str]) -> Source:
    rows = queries("point_in_time")["values"]
    return Source(table="feature_values", rows=rows, content=content, features=tuple(features))


def _chunk_starts(connection: Connection, table: str) -> I8Array:
    """Where the table's chunks begin (ns UTC, ascending); none where it has none."""
    named = queries("point_in_time")
    found = connection.execute(named["partitioned"]).fetchone()
    rows = connection.execute(named["stretches"], {"table": table}).fetchall() if found and found[0] else []
    return np.array([to_nanoseconds(start) for (start,) in rows], dtype=np.int64)


def _stretches(chains: Chains, starts: I8Array) -> list[_Stretch]:
    """The pairs by the chunk that their as-of time lies in; what is before the first chunk counts to it."""
    bounds = ["-infinity", *(to_moment(int(start)) for start in starts[1:]), "infinity"]
    stretch = np.searchsorted(starts[1:], chains.as_of, side="right")
    entity = np.repeat(np.arange(len(chains.entities)), chains.last - chains.first + 1)
    begins = np.flatnonzero(np.r_[True, (entity[1:] != entity[:-1]) | (stretch[1:] != stretch[:-1])])
    counts = np.diff(np.r_[begins, chains.as_of.shape[0]])
    found = []
    for number in np.unique(stretch):
        runs = stretch[begins] == number
        first, count = begins[runs], counts[runs]
        # Stored times are rounded up to microseconds, so as-of times are rounded down: never known too early.
        moments = chains.as_of[stretch == number] // 1000
        columns: dict[str, list[Any]] = {
            "entities": [chains.entities[code] for code in entity[first]],
            "first": (first + 1).tolist(),
            "count": count.tolist(),
            "base": (np.cumsum(count) - count + 1).tolist(),
            "moments": moments.tolist(),
        }
        found.append(_Stretch(start=bounds[number], stop=bounds[number + 1], columns=columns))
    return found
