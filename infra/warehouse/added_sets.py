"""Which feature sets the agent computes from where on, and bulk rows of sets that are added to a log under way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from infra.settings import Settings
from infra.warehouse.backfills import lock_backfills
from infra.warehouse.bulk import Rows, copy_rows, merge_rows
from infra.warehouse.checkpoints import Checkpoint, KeptSnapshot, keep_snapshot, save_snapshot
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.errors import WarehouseError
from infra.warehouse.queries import queries
from pipeline.features import FeatureSet

#: Name and version.
SetName = tuple[str, int]


class SetsDiffer(WarehouseError):
    """The settings name other feature sets than those whose rows are there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far rows of added sets have come: all below ``next_offset`` are there; ``state``: the engine before it."""

    partition: int
    code_hash: str
    first_generation: int
    next_offset: int
    state: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """What makes the added sets the agent's on one partition, behind everything that has its effects.

    ``high``: the log's end, behind everything that can have been published without the sets.
    """

    taken: Checkpoint
    kept: KeptSnapshot
    high: int


def known_sets(connection: Connection, topic: str) -> dict[int, frozenset[SetName]]:
    """Partition → the sets that the agent computes there; partitions that it never took are left out."""
    found: dict[int, frozenset[SetName]] = {}
    for partition, name, version in connection.execute(queries("added_sets")["beginnings"], {"topic": topic}):
        found[partition] = found.get(partition, frozenset()) | {(name, version)}
    return found


def refuse_other_sets(known: frozenset[SetName], sets: Sequence[FeatureSet]) -> None:
    """Raise ``SetsDiffer`` unless ``known`` (nothing: a log that nobody took yet) are the sets of the settings."""
    wanted = {(one.name, one.version) for one in sets}
    if not known or known == wanted:
        return
    if added := sorted(name for name, _ in wanted - known if not known - wanted):
        raise SetsDiffer(
            f"feature set {', '.join(added)} was added to a log under way: what was processed has no rows of it yet."
            " With `signaltape run features` and `run store` stopped: `signaltape backfill --from-topic`"
        )
    gone = ", ".join(f"{name} (version {version})" for name, version in sorted(known - wanted))
    raise SetsDiffer(
        f"the log is processed with feature set {gone}, which the settings or this release don't have: sets can be"
        " added to a log under way, not taken away or changed. Put it back, or start a new topic prefix"
    )


def begin_sets(connection: Connection, taken: Checkpoint, sets: Sequence[FeatureSet]) -> None:
    """Note that the agent computes ``sets`` on a partition from its log's beginning; what is known stays."""
    for one in sets:
        _begin(connection, taken, one, {"generation": 0, "live_from": 0, "published_from": 0})


def publication_starts(connection: Connection, topic: str) -> dict[tuple[int, str, int], int]:
    """(partition, set, version) → the first offset whose message was never published without the set, if that isn't 0.

    Rows of messages before it may have come by `backfill --from-topic`, or may have been published with an earlier end
    of the chain.
    """
    rows = connection.execute(queries("added_sets")["publication starts"], {"topic": topic})
    return {(partition, name, version): offset for partition, name, version, offset in rows}


class AddedSetsWriter:
    """Writes rows of added sets over one connection; not for several threads at once."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._warehouse = Warehouse(settings, "signaltape-backfill")
        self._merge = False

    @property
    def connection(self) -> Connection:
        """The connection, for reads."""
        return self._warehouse.connection

    def lock(self) -> None:
        """Keep other backfills of this database out for as long as the connection lives."""
        lock_backfills(self.connection)

    def close(self) -> None:
        """Close the connection, and release the lock with it."""
        self._warehouse.close()

    def progress(self, partition: int, code_hash: str, first_generation: int) -> Progress | None:
        """How far this computation has come on a partition of this log, None before its first chunk."""
        place = {"partition": partition, "code_hash": code_hash, "first_generation": first_generation}
        row = self.connection.execute(
            queries("added_sets")["progress"], place | {"topic": self._topic}
        ).fetchone()  # fmt: skip
        return None if row is None else Progress(**place, next_offset=row[1], state=bytes(row[2]))  # type: ignore[arg-type]

    def write(self, rows: Rows, moved: Sequence[Progress]) -> int:
        """Add rows, and move partitions whose rows are complete with them, in one transaction; return the new rows.

        A row that exists stays as it is. Raises WarehouseUnavailable if the server was lost: the progress tells what
        was committed.
        """
        if not self._merge:
            try:
                return self._warehouse.run(lambda connection: self._store(connection, rows, moved, merge=False))
            except psycopg.errors.UniqueViolation:
                pass
        added = self._warehouse.run(lambda connection: self._store(connection, rows, moved, merge=True))
        # Merging costs twice: go on with it only while there is something to suppress.
        self._merge = added < rows.count
        return added

    def join(self, joined: Sequence[Joined], sets: Sequence[FeatureSet], build: str) -> None:
        """Give the agent its new snapshots and note from where on it has the sets: all partitions in one transaction.

        Raises StaleEpoch if an agent has taken a partition meanwhile; nothing has changed then.
        """

        def work(connection: Connection) -> None:
            for one in joined:
                taken, end = one.taken, one.taken.effect_offset
                save_snapshot(connection, taken, end, one.kept.snapshot)
                if one.kept.event_time:
                    keep_snapshot(connection, one.kept)
                place = {"generation": taken.generation, "live_from": end, "published_from": one.high}
                for chosen in sets:
                    _begin(connection, taken, chosen, place, build)
            connection.execute(queries("added_sets")["forget"], {"topic": self._topic})

        self._warehouse.run(work)

    def _store(self, connection: Connection, rows: Rows, moved: Sequence[Progress], *, merge: bool) -> int:
        added = merge_rows(connection, rows) if merge else copy_rows(connection, rows)
        for one in moved:
            values = {name: getattr(one, name) for name in Progress.__dataclass_fields__}
            connection.execute(queries("added_sets")["move"], values | {"topic": self._topic})
        return added


def _begin(
    connection: Connection, taken: Checkpoint, chosen: FeatureSet, place: Mapping[str, int], build: str | None = None
) -> None:
    values = {
        "topic": taken.topic,
        "partition": taken.partition,
        "epoch": taken.epoch,
        "feature_set": chosen.name,
        "set_version": chosen.version,
        "producer_version": build,
        "run_id": None if build is None else f"backfill/{taken.partition}/{taken.epoch}",
    }
    connection.execute(queries("added_sets")["begin"], values | dict(place))


def open_loads(connection: Connection) -> list[str]:
    """Names of runs of `backfill FILE` that have not entered the log."""
    return [run for (run,) in connection.execute(queries("added_sets")["open loads"])]
