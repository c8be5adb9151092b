"""Runs of `signaltape backfill`: their progress, and chunks of rows that move it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from infra.settings import Settings
from infra.warehouse.bulk import Rows, copy_rows, merge_rows
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.errors import WarehouseError
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries

_PREDECESSOR_S = 2


class BackfillConflict(WarehouseError):
    """Another process is loading history, or this run is not where it should be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillRun:
    """A run as it is stored. `terms`: everything that its rows depend on. `sections_done`: of `sections`, in order."""

    terms: Mapping[str, Any]
    sections: int
    sections_done: int
    bars: int
    bars_done: int
    loaded: bool
    entered: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSpan:
    """What is stored of one symbol and interval; from the log if `live`, else from the backfill that `feed` names.

    `sources`: the lowest and the highest source's name. Times ns UTC.
    """

    symbol: str
    live: bool
    feed: str
    sources: tuple[str, str]
    first: int
    last: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """Rows of the sections from `before` to `done` (exclusive)."""

    before: int
    done: int
    bars: int
    rows: Sequence[Rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkReport:
    """New rows by table, and rows that existed already."""

    inserted: Mapping[str, int] = field(default_factory=dict)
    suppressed: Mapping[str, int] = field(default_factory=dict)


def lock_backfills(connection: Connection) -> None:
    """Keep other backfills of this database out for as long as the connection lives.

    One that has just ended may hold its lock for a moment. Raises BackfillConflict if it is held for longer.
    """
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout TO '{_PREDECESSOR_S}s'")
            connection.execute(queries("backfill")["lock"])
    except psycopg.errors.LockNotAvailable:
        raise BackfillConflict("another backfill is running on this database: wait for it to end, or stop it") from None


class BackfillWriter:
    """Writes one run over one connection; not for several threads at once."""

    def __init__(self, settings: Settings, run: str) -> None:
        self._run = run
        self._warehouse = Warehouse(settings, "signaltape-backfill")
        self._merge = False

    @property
    def connection(self) -> Connection:
        """The connection, for reads."""
        return self._warehouse.connection

    def lock(self) -> None:
        """Keep other backfills of this database out for as long as the connection lives."""
        lock_backfills(self.connection)

    def find(self) -> BackfillRun | None:
        """Return the run's progress, None before its beginning."""
        row = self.connection.execute(queries("backfill")["run"], {"run": self._run}).fetchone()
        names = BackfillRun.__dataclass_fields__
        return None if row is None else BackfillRun(**dict(zip(names, row, strict=True)))

    def begin(self, terms: Mapping[str, Any], sections: int, bars: int) -> None:
        """Write the run down, with nothing done."""
        values = {"run": self._run, "terms": Jsonb(dict(terms)), "sections": sections, "bars": bars}
        self._warehouse.run(lambda connection: connection.execute(queries("backfill")["begin"], values))

    def write(self, chunk: Chunk) -> ChunkReport:
        """Add a chunk's rows and move the run behind it, in one transaction.

        Rows whose key exists stay as they are, and are counted. Raises BackfillConflict if the run isn't before the
        chunk, WarehouseUnavailable if the server was lost: what was committed then, the run's progress tells.
        """
        if not self._merge:
            try:
                return self._warehouse.run(lambda connection: self._store(connection, chunk, merge=False))
            except psycopg.errors.UniqueViolation:
                pass
        report = self._warehouse.run(lambda connection: self._store(connection, chunk, merge=True))
        self._merge = any(report.suppressed.values())
        return report

    def analyze(self) -> None:
        """Tell the planner what the tables hold now."""
        self.connection.execute(queries("backfill")["analyze"])

    def entered(self) -> None:
        """Note that the states are in the log."""
        self._warehouse.run(lambda connection: connection.execute(queries("backfill")["entered"], {"run": self._run}))

    def close(self) -> None:
        """Close the connection, and release the lock with it."""
        self._warehouse.close()

    def _store(self, connection: Connection, chunk: Chunk, *, merge: bool) -> ChunkReport:
        values = {"run": self._run, "before": chunk.before, "done": chunk.done, "bars": chunk.bars}
        if connection.execute(queries("backfill")["move"], values).rowcount != 1:
            raise BackfillConflict(f"run {self._run!r} was moved by another process: run the command again")
        inserted: dict[str, int] = {}
        suppressed: dict[str, int] = {}
        for rows in chunk.rows:
            added = merge_rows(connection, rows) if merge else copy_rows(connection, rows)
            inserted[rows.table], suppressed[rows.table] = added, rows.count - added
        return ChunkReport(inserted=inserted, suppressed=suppressed)


def stored_spans(connection: Connection, interval: str, symbols: Sequence[str]) -> list[StoredSpan]:
    """What is stored of these symbols in an interval."""
    found = connection.execute(queries("backfill")["stored bars"], {"interval": interval, "symbols": list(symbols)})
    return [
        StoredSpan(
            symbol=symbol,
            live=live,
            feed=feed,
            sources=(low, high),
            first=to_nanoseconds(first),
            last=to_nanoseconds(last),
            count=count,
        )
        for symbol, live, feed, low, high, first, last, count in found
    ]


def stored_splits(connection: Connection) -> list[bytes]:
    """Every `Adjustment` of the log that is stored, as it came."""
    return [bytes(payload) for (payload,) in connection.execute(queries("backfill")["splits"])]
