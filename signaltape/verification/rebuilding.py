"""Digests against the rows that they are of; and digests made anew from rows, where there are none (any more).

Both read the store only. What is compared here is the record with itself: rows that were changed, lost or added since
their round show. Whether the record follows from the log, a recomputation tells.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.warehouse.connection import Connection
from infra.warehouse.stored_digests import (
    DigestSpan,
    add_missing,
    over_partitions,
    pieces,
    recorded_digests,
    stored_row_digests,
)  # fmt: skip
from pipeline.digests.digest import Digest
from pipeline.digests.tally import DigestKey

#: What can be wrong with a bar time. ``no_digest``: rows of before digests were kept, or of a set that was added later.
#: ``no_rows``: none are stored, by retention for instance.
CHANGED, NO_DIGEST, NO_ROWS = "changed", "no_digest", "no_rows"


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestDifference:
    """A bar time whose digest and rows don't agree; None where there is no digest, or no row."""

    key: DigestKey
    recorded: Digest | None
    rows: Digest | None

    @property
    def kind(self) -> str:
        """`changed`, `no_digest` or `no_rows`."""
        if self.recorded is None:
            return NO_DIGEST
        return NO_ROWS if self.rows is None else CHANGED


@dataclass(frozen=True, kw_only=True, slots=True)
class RebuildReport:
    """What a rebuild did. ``keys``: stages, subjects and bar times that have rows; ``added``: rows of `digests`."""

    keys: int
    added: int


def compare_with_rows(connection: Connection, span: DigestSpan) -> Iterator[DigestDifference]:
    """Yield every bar time whose digest differs from that of its rows, piece by piece in the order of time.

    Each piece is read in one snapshot of the database, so a round that is written meanwhile is seen whole or not.
    """
    for piece in pieces(connection, span):
        with connection.transaction():
            _one_snapshot(connection)
            recorded = recorded_digests(connection, piece)
            rows = over_partitions(stored_row_digests(connection, piece))
        for key in sorted(recorded.keys() | rows.digests.keys(), key=lambda one: (one.event_time, one)):
            known, found = recorded.get(key), rows.digests.get(key)
            if known is None or known.digest != found:
                yield DigestDifference(key=key, recorded=None if known is None else known.digest, rows=found)


def rebuild_digests(connection: Connection, span: DigestSpan) -> RebuildReport:
    """Make the digests that are missing from the rows that are stored; they are marked as made from rows.

    A digest that is there is left alone. Repeating it adds nothing.
    """
    keys = added = 0
    for piece in pieces(connection, span):
        with connection.transaction():
            _one_snapshot(connection)
            tallies = stored_row_digests(connection, piece)
            added += add_missing(connection, piece, tallies)
            keys += len(over_partitions(tallies).digests)
    return RebuildReport(keys=keys, added=added)


def _one_snapshot(connection: Connection) -> None:
    # What is read is hashed between two fetches: the session is not idle.
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.execute("SET LOCAL idle_in_transaction_session_timeout TO 0")
