"""Writes rounds: rows and the offsets that they belong to, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from infra.settings import Settings
from infra.warehouse.bulk import Rows, copy_rows, merge_rows, merge_rows_returning
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


#: Table → its rows that a round added, as values of the columns that `Work.told` names; None: all that it gave.
NewRows = Mapping[str, Sequence[tuple[Any, ...]]] | None


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a round adds: rows in bulk, digests of them, and what else is to be done in the same transaction.

    digests: given the rows that are new, makes those of `digests`; `told` names columns that tell rows apart, by table.
    """

    rows: Sequence[Rows]
    finish: Callable[[Connection], None]
    told: Mapping[str, Sequence[str]] = field(default_factory=dict)
    digests: Callable[[NewRows], Rows] | None = None


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
        3. Add the digests of the rows that were added, and do what else belongs to the round.
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
        new: dict[str, Sequence[tuple[Any, ...]]] = {}
        for rows in work.rows:
            if merge and rows.table in work.told:
                new[rows.table] = merge_rows_returning(connection, rows, work.told[rows.table])
                added = len(new[rows.table])
            else:
                added = merge_rows(connection, rows) if merge else copy_rows(connection, rows)
            inserted[rows.table], suppressed[rows.table] = added, rows.count - added
        if work.digests is not None:
            digests = work.digests(new if merge else None)
            inserted[digests.table] = copy_rows(connection, digests)
        work.finish(connection)
        return RoundReport(inserted=inserted, suppressed=suppressed, moved=moved)
