"""Reads for `verify`: accounts of a stretch of time, and the rows of single bar times. A few queries a stretch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.digests.digest import Digest
from pipeline.digests.tally import DigestKey, set_subject
from pipeline.verification.ledger import BARS, bar_digest

Keyed = Iterator[tuple[DigestKey, Digest]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """A stretch of a partition's present log that is computed again: offsets ``start`` to ``end`` (exclusive)."""

    partition: int
    first_generation: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedSet:
    """A feature set of which rows are stored, with the hash under which it was registered."""

    name: str
    version: int
    hash: str


def bar_digests(connection: Connection, lanes: Sequence[Lane], since: int, before: int) -> Keyed:
    """Yield how the bars from ``since`` to ``before`` (exclusive) were taken, as ``bar_digest`` of their statuses."""
    values = _lanes(lanes) | {"since": to_moment(since), "before": to_moment(before)}
    for interval, time, *counts in connection.execute(queries("verification")["bar counts"], values):
        yield DigestKey(BARS, "", interval, to_nanoseconds(time)), bar_digest(counts)


def offset_digests(connection: Connection, since: int, before: int) -> Keyed:
    """Yield where live rows say that their bars lie, as ``bar_digest`` of offsets, by set."""
    values = {"since": to_moment(since), "before": to_moment(before)}
    for name, version, interval, time, count, offsets in connection.execute(
        queries("verification")["feature offsets"], values
    ):
        key = DigestKey(BARS, set_subject(name, version), interval, to_nanoseconds(time))
        yield key, bar_digest((count,), int(offsets))


def recorded_sets(connection: Connection, start: int, end: int) -> list[RecordedSet]:
    """Sets of which live rows from ``start`` to ``end`` (both included) are stored."""
    values = {"start": to_moment(start), "end": to_moment(end)}
    rows = connection.execute(queries("verification")["sets in"], values)
    return [RecordedSet(name=name, version=version, hash=hashed) for name, version, hashed in rows]


def feature_numerics(connection: Connection, lanes: Iterable[Lane]) -> frozenset[str]:
    """Fingerprints of the arithmetic that made the live feature rows of these stretches; empty text: not recorded."""
    found: set[str] = set()
    for lane in lanes:
        values = {
            "partition": lane.partition,
            "first_generation": lane.first_generation,
            "start": lane.start,
            "end": lane.end,
        }
        found |= {row[0] for row in connection.execute(queries("verification")["feature numerics"], values)}
    return frozenset(found)


def call_numerics(connection: Connection, start: int, end: int) -> frozenset[str]:
    """Fingerprints of the arithmetic that scored from ``start`` to ``end``."""
    values = {"start": to_moment(start), "end": to_moment(end)}
    return frozenset(row[0] for row in connection.execute(queries("verification")["call numerics"], values))


def predicted_to(connection: Connection, start: int) -> dict[int, int]:
    """Partition → the offset of bars up to which model calls from ``start`` on are stored."""
    rows = connection.execute(queries("verification")["predicted to"], {"start": to_moment(start)})
    return dict(rows.fetchall())


def rows_before(connection: Connection, start: int) -> dict[str, bool]:
    """Whether rows of features and of predictions from before ``start`` are stored."""
    row = connection.execute(queries("verification")["rows before"], {"start": to_moment(start)}).fetchone()
    return dict(zip(("features", "predictions"), row or (False, False), strict=True))


def bar_without_rows(connection: Connection, symbol: str, interval: str, since: int, time: int) -> int | None:
    """The first bar of a symbol from ``since`` to ``time`` of which returns tell, but that isn't stored; None: none."""
    place = {"symbol": symbol, "interval": interval, "since": to_moment(since), "event_time": to_moment(time)}
    row = connection.execute(queries("verification")["bar without rows"], place).fetchone()
    return None if row is None else to_nanoseconds(row[0])


def has_bar(connection: Connection, symbol: str, interval: str, time: int) -> bool:
    """True if a bar of the symbol with this close is stored."""
    place = {"symbol": symbol, "interval": interval, "event_time": to_moment(time)}
    return connection.execute(queries("verification")["bar of"], place).fetchone() is not None


def rows_at(connection: Connection, name: str, lanes: Sequence[Lane], times: Iterable[int]) -> list[tuple[Any, ...]]:
    """Rows of the statement ``name`` of `sql/verification.sql` at these bar times."""
    values: Mapping[str, object] = _lanes(lanes) | {"times": [to_moment(time) for time in sorted(set(times))]}
    return connection.execute(queries("verification")[name], values).fetchall()


def _lanes(lanes: Sequence[Lane]) -> dict[str, object]:
    return {
        "partitions": [one.partition for one in lanes],
        "generations": [one.first_generation for one in lanes],
        "starts": [one.start for one in lanes],
        "ends": [one.end for one in lanes],
    }
