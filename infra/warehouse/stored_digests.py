"""Digests that were recorded, and those of the rows that are stored, over spans of bar times of any length."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.warehouse.bulk import copy_rows
from infra.warehouse.connection import Connection
from infra.warehouse.digest_rows import FROM_ROWS, DigestPart, digest_rows
from infra.warehouse.digested_rows import Tallies, row_tallies
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.digests.digest import Digest
from pipeline.digests.tally import STAGES, DigestKey, Tally
from schemas.intervals import INTERVALS

#: Bar times of one piece: bounds memory, however long the span is.
_BARS = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestSpan:
    """Which digests are asked for: of bars closing from ``first`` to ``last`` (ns UTC, both inclusive).

    ``intervals``: None for all. ``first_generations``: by partition, the first generation of the present log of bars:
    features of earlier logs are left out (nothing given: none are). Predictions and signals don't know their log.
    """

    first: int
    last: int
    stages: tuple[str, ...] = STAGES
    intervals: tuple[str, ...] | None = None
    first_generations: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A digest as it was recorded. ``numerics``: fingerprints of the arithmetic that made its rows.

    ``rebuilt``: some of it was made from rows afterwards, so it says nothing about them.
    """

    digest: Digest
    numerics: frozenset[str]
    rebuilt: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestPiece:
    """Few bar times of one interval of a span; its fields mean the same."""

    interval: str
    first: int
    last: int
    stages: tuple[str, ...]
    first_generations: Mapping[int, int]

    @property
    def values(self) -> dict[str, Any]:
        """What the queries of `digests.sql` ask for."""
        return {
            "interval": self.interval,
            "first": to_moment(self.first),
            "end": to_moment(self.last + 1),
            "stages": list(self.stages),
            "partitions": list(self.first_generations),
            "generations": list(self.first_generations.values()),
        }


def pieces(connection: Connection, span: DigestSpan) -> Iterator[DigestPiece]:
    """Cut a span into pieces, interval after interval, each in the order of time."""
    found = span.intervals
    if found is None:
        values = {"first": to_moment(span.first), "end": to_moment(span.last + 1)}
        found = tuple(sorted(one for (one,) in connection.execute(queries("digests")["intervals"], values)))
    for interval in found:
        length = _BARS * INTERVALS[interval]
        for first in range(span.first, span.last + 1, length):
            yield DigestPiece(
                interval=interval,
                first=first,
                last=min(first + length - 1, span.last),
                stages=span.stages,
                first_generations=span.first_generations,
            )


def recorded_digests(connection: Connection, piece: DigestPiece) -> dict[DigestKey, Recorded]:
    """The recorded digests of a piece, over all partitions."""
    found = {}
    for stage, subject, moment, count, first, second, numerics, rebuilt in connection.execute(
        queries("digests")["recorded"], piece.values
    ):
        key = DigestKey(stage, subject, piece.interval, to_nanoseconds(moment))
        digest = Digest.of_lanes(count, int(first), int(second))
        found[key] = Recorded(digest=digest, numerics=frozenset(numerics), rebuilt=rebuilt)
    return found


def stored_row_digests(connection: Connection, piece: DigestPiece) -> Tallies:
    """Digests of the rows of a piece, by the place that they would have. Inside the caller's transaction."""
    return row_tallies(connection, piece.values, piece.stages)


def over_partitions(tallies: Tallies) -> Tally:
    """The same digests whatever place they would have."""
    whole = Tally()
    for tally in tallies.values():
        for key, digest in tally:
            whole.add(key, digest)
    return whole


def add_missing(connection: Connection, piece: DigestPiece, tallies: Tallies) -> int:
    """Write digests made from rows where there are none; return how many. Inside the caller's transaction.

    One that is there stays what it is, whatever the rows say by now: it is the record, and they are held against it.
    """
    present = {
        (DigestKey(stage, subject, piece.interval, to_nanoseconds(moment)), partition, generation)
        for stage, subject, moment, partition, generation in connection.execute(
            queries("digests")["present"], piece.values
        )
    }
    parts: list[DigestPart] = []
    for place, tally in tallies.items():
        at = (place.partition, place.generation)
        missing = Tally(digests={key: one for key, one in tally if (key, *at) not in present})
        parts.append((place, missing))
    return copy_rows(connection, digest_rows(parts, origin=FROM_ROWS))
