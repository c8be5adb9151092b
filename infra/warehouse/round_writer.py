"""Writes rounds: rows and the offsets that they belong to, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from infra.settings import Settings
from infra.warehouse.bulk import Rows, copy_rows, merge_rows
from infra.warehouse.checkpoints import advance_all
from infra.warehouse.connection import Connection, Warehouse

#: Topic and partition.
Place = tuple[str, int]
#: Topic → (partition, epoch, next offset) of each partition of a round.
Places = Mapping[str, Sequence[tuple[int, int, int]]]


@dataclass(frozen=True, kw_only=True)
class RoundReport:
    """What a write did. inserted: new rows by table; suppressed: rows that existed already, by table.

    moved: partitions whose offset moved; the rounds of the others were in the database before.
    """

    inserted: Mapping[str, int] = field(default_factory=dict)
    suppressed: Mapping[str, int] = field(default_factory=dict)
    moved: frozenset[Place] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a round adds: rows in bulk, and what else is to be done in the same transaction."""

    rows: Sequence[Rows]
    finish: Callable[[Connection], None]


class RoundWriter:
    """Writes rounds of one service over one connection; not for several threads at once."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._service = service
        self._warehouse = Warehouse(settings, f"signaltape-{service}")
        self._merge = False

    def write(self, places: Places, work_for: Callable[[frozenset[Place]], Work]) -> RoundReport:
        """Write what `work_for` gives for the partitions that move.

        1. Move `effect_offset` of each partition under its epoch. One that is there already was written before, and
           is not given to `work_for`. This also locks the row against a successor until the commit.
        2. Copy the rows. Where some exist (after a repair) start again, and add only those that don't.
        3. Do what else belongs to the round.
        4. Commit.

        Raises StaleEpoch (stop at once), and WarehouseUnavailable if the server was lost: call again with the same
        round; if the lost commit went through, step 1 finds it.
        """
        if self._merge:
            return self._merged(places, work_for)
        try:
            return self._warehouse.run(lambda connection: self._store(connection, places, work_for, merge=False))
        except psycopg.errors.UniqueViolation:
            return self._merged(places, work_for)

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        self._warehouse.close()

    def _merged(self, places: Places, work_for: Callable[[frozenset[Place]], Work]) -> RoundReport:
        report = self._warehouse.run(lambda connection: self._store(connection, places, work_for, merge=True))
        # Merging costs twice: go on with it only while there is something to suppress.
        self._merge = any(report.suppressed.values())
        return report

    def _store(
        self, connection: Connection, places: Places, work_for: Callable[[frozenset[Place]], Work], *, merge: bool
    ) -> RoundReport:
        moved = frozenset(
            (topic, partition)
            for topic, rounds in sorted(places.items())
            for partition in advance_all(connection, self._service, topic, rounds)
        )
        work = work_for(moved)
        inserted, suppressed = {}, {}
        for rows in work.rows:
            added = merge_rows(connection, rows) if merge else copy_rows(connection, rows)
            inserted[rows.table], suppressed[rows.table] = added, rows.count - added
        work.finish(connection)
        return RoundReport(inserted=inserted, suppressed=suppressed, moved=moved)
