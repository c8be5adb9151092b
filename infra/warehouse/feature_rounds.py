"""A round of the feature agent: its rows and its offsets, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from infra.settings import Settings
from infra.warehouse.bulk import Rows, copy_rows, merge_rows
from infra.warehouse.checkpoints import advance_all
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.errors import WarehouseError
from infra.warehouse.feature_rows import bar_rows, feature_rows, log_event_rows
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from infra.warehouse.return_rows import return_rows
from pipeline.engine_types import RepairNeed, StoredRows
from pipeline.features import FeatureSet
from schemas.bars import BarBatch
from schemas.features import FeatureBatch, ReturnBatch

SERVICE = "features"


@dataclass(frozen=True, kw_only=True, eq=False)
class PartitionRound:
    """What the messages of one partition up to `next_offset` (exclusive) left to be stored.

    bars: (batch, offset, rows to keep). log_events: (offset, type, event_time, payload) of every other message.
    repairs: (offset, need). epoch and generation are those of the checkpoint taken at assignment.
    """

    partition: int
    epoch: int
    generation: int
    next_offset: int
    bars: Sequence[tuple[BarBatch, int, StoredRows]] = ()
    log_events: Sequence[tuple[int, str, int, bytes]] = ()
    features: Sequence[FeatureBatch] = ()
    returns: Sequence[ReturnBatch] = ()
    repairs: Sequence[tuple[int, RepairNeed]] = ()


@dataclass(frozen=True, kw_only=True)
class RoundReport:
    """What a write did. inserted: new rows by table; suppressed: rows that existed already, by table.

    moved: partitions whose offset moved; the others' rounds were in the database before.
    """

    inserted: Mapping[str, int] = field(default_factory=dict)
    suppressed: Mapping[str, int] = field(default_factory=dict)
    moved: frozenset[int] = frozenset()


class FeatureRoundWriter:
    """Writes rounds over one connection; not for several threads at once."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._warehouse = Warehouse(settings, "signaltape-features")
        self._topic = topic
        self._merge = False

    def write(self, rounds: Sequence[PartitionRound]) -> RoundReport:
        """Write the rounds of different partitions in one transaction.

        1. Move `effect_offset` of each partition under its epoch. One that is there already was written before:
           its rows are left out. This also locks the row against a successor until the commit.
        2. Copy the rows; where some exist (after a repair), start again and add only those that don't.
        3. Note the repair requests.
        4. Commit.

        Raises StaleEpoch (stop at once), and WarehouseUnavailable if the server was lost: call again with the same
        rounds; if the lost commit went through, step 1 finds it.
        """
        if self._merge:
            return self._merged(rounds)
        try:
            return self._warehouse.run(lambda connection: self._store(connection, rounds, merge=False))
        except psycopg.errors.UniqueViolation:
            return self._merged(rounds)

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        self._warehouse.close()

    def _merged(self, rounds: Sequence[PartitionRound]) -> RoundReport:
        report = self._warehouse.run(lambda connection: self._store(connection, rounds, merge=True))
        # Merging costs twice: go on with it only while there is something to suppress.
        self._merge = any(report.suppressed.values())
        return report

    def _store(self, connection: Connection, rounds: Sequence[PartitionRound], *, merge: bool) -> RoundReport:
        places = [(one.partition, one.epoch, one.next_offset) for one in rounds]
        moved = advance_all(connection, SERVICE, self._topic, places)
        fresh = [one for one in rounds if one.partition in moved]
        inserted, suppressed = {}, {}
        for rows in rows_of(fresh):
            added = merge_rows(connection, rows) if merge else copy_rows(connection, rows)
            inserted[rows.table], suppressed[rows.table] = added, rows.count - added
        _request_repairs(connection, fresh)
        return RoundReport(inserted=inserted, suppressed=suppressed, moved=moved)


def rows_of(rounds: Sequence[PartitionRound]) -> tuple[Rows, ...]:
    """Everything that the rounds add to tables, ready to be sent."""
    bars = [(batch, offset, kept, one) for one in rounds for batch, offset, kept in one.bars]
    features = [(batch, one) for one in rounds for batch in one.features if batch.symbols]
    events = [(event, one) for one in rounds for event in one.log_events]
    returns = [(batch, one) for one in rounds for batch in one.returns]
    return (
        bar_rows([(batch, offset, kept, one.partition, one.generation) for batch, offset, kept, one in bars]),
        log_event_rows([(event, one.partition, one.generation) for event, one in events]),
        feature_rows([(batch, one.partition, one.generation) for batch, one in features]),
        return_rows([(batch, one.partition, one.generation) for batch, one in returns]),
    )


def register_feature_sets(connection: Connection, sets: Sequence[FeatureSet]) -> None:
    """Write down what each set means; raises WarehouseError if a version is known with other features."""
    named = queries("features")
    for one in sets:
        values = (one.name, one.version, one.hash, list(one.names))
        connection.execute(named["register set"], values)
        known = connection.execute(named["set hash"], (one.name, one.version)).fetchone()
        if known is not None and known[0] != one.hash:
            raise WarehouseError(
                f"feature set {one.name} version {one.version} is stored with other definitions ({known[0][:12]}, here "
                f"{one.hash[:12]}): raise the set's version"
            )


def _request_repairs(connection: Connection, rounds: Sequence[PartitionRound]) -> None:
    wanted = [
        (one.generation, one.partition, offset, need.symbol, need.interval, to_moment(need.event_time), need.reason)
        for one in rounds
        for offset, need in one.repairs
    ]
    if wanted:
        with connection.cursor() as cursor:
            cursor.executemany(queries("features")["request repair"], wanted)
