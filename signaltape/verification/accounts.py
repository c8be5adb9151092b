"""Two of the three accounts, as the store has them: the agents' digests, and those of the rows as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.warehouse.connection import Connection
from infra.warehouse.stored_digests import (
    DigestSpan,
    Recorded,
    over_partitions,
    pieces,
    recorded_digests,
    stored_row_digests,
)  # fmt: skip
from pipeline.digests.digest import Digest
from pipeline.digests.tally import STAGES, DigestKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Accounts:
    """Reads by stretch of time. ``first_generations``: by partition, the first generation of the present log."""

    connection: Connection
    first_generations: Mapping[int, int]

    def read(self, since: int, before: int) -> tuple[dict[DigestKey, Recorded], dict[DigestKey, Digest]]:
        """Both accounts of the bar times from ``since`` to ``before`` (exclusive), inside the caller's transaction."""
        span = DigestSpan(
            first=since,
            last=before - 1,
            stages=STAGES,
            first_generations=self.first_generations,
        )
        live: dict[DigestKey, Recorded] = {}
        stored: dict[DigestKey, Digest] = {}
        for piece in pieces(self.connection, span):
            live |= recorded_digests(self.connection, piece)
            stored |= over_partitions(stored_row_digests(self.connection, piece)).digests
        return live, stored
