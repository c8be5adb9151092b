"""Builds a dataset from the database, and compares one with what the database says now."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from psycopg.types.json import Jsonb

from infra.feature_store.catalog import Catalog
from infra.feature_store.finality import OpenTransactions, open_transactions
from infra.feature_store.pairs import text
from infra.feature_store.store import READER
from infra.settings import Settings
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.moments import to_moment
from infra.warehouse.queries import queries
from pipeline.dataset_content import fingerprint
from pipeline.numerics import fingerprint as numerics_fingerprint
from signaltape.datasets.errors import DatasetError
from signaltape.datasets.files import check_folder, discard, publish, stage
from signaltape.datasets.manifest import Manifest
from signaltape.datasets.reading import Reading, read_dataset
from signaltape.datasets.request import DatasetRequest

_PAUSE = 0.2


def build_dataset(
    settings: Settings,
    request: DatasetRequest,
    folder: Path,
    *,
    git_sha: str = "",
    wait: float = 30.0,
    say: Callable[[str], None] = lambda text: None,
) -> Manifest:
    """Build what ``request`` asks for into ``folder``, which must be new or empty; ``say`` is told what is waited for
    and ``git_sha`` is that of the program.

    1. Refuse what can't be answered; wait up to ``wait`` seconds for transactions that could still add to what was
    known at the as-of time (``knowledge="ingested"``). 2. Read rows in one snapshot of the database. 3. Write data and
    manifest into a hidden folder beside it, synced. 4. Register in table ``datasets``. 5. Give the folder its name.

    A process that dies before 5 leaves no dataset, at most the hidden folder and the row; the same build again
    registers nothing new. Two builds into one folder: the second is refused. Raises DatasetError, InvalidRequest,
    UnknownFeature, WarehouseUnavailable, with no dataset written.
    """
    check_folder(folder)  # 1.
    with Warehouse(settings, READER) as warehouse:
        warehouse.run(lambda connection: request.terms(Catalog.read(connection)))
        final, built_at = _settled(warehouse, request, wait, say)
        reading = warehouse.run(lambda connection: _snapshot(connection, request))  # 2.
        manifest = _manifest(request, reading, final=final, built_at=built_at, git_sha=git_sha)
        staged = stage(folder, reading.content, manifest)  # 3.
        try:
            warehouse.run(lambda connection: _register(connection, manifest))  # 4.
            publish(staged, folder)  # 5.
        finally:
            discard(staged)
    return manifest


def database_clock(settings: Settings) -> int:
    """The database's time, ns UTC: what is stored by now was known at it, whatever the clock of this machine says."""
    with Warehouse(settings, READER) as warehouse:
        return warehouse.run(lambda connection: open_transactions(connection, READER)).clock


def rebuild(settings: Settings, manifest: Manifest) -> Reading:
    """Read again, under the dataset's own as-of time and set version, what it was asked for."""
    request = replace(manifest.request, version=manifest.terms.set_version)
    with Warehouse(settings, READER) as warehouse:
        return warehouse.run(lambda connection: _snapshot(connection, request))


def _settled(
    warehouse: Warehouse, request: DatasetRequest, wait: float, say: Callable[[str], None]
) -> tuple[bool, int]:
    """Whether the as-of time is final, and the database's clock (ns UTC); DatasetError if it does not become so."""
    deadline = time.monotonic() + wait
    told = False
    while True:
        before = warehouse.run(lambda connection: open_transactions(connection, READER))
        if request.as_of > before.clock:
            raise DatasetError(f"the as-of time {text(request.as_of)} lies ahead: it is {text(before.clock)}")
        if request.knowledge == "available":
            return False, before.clock
        if before.is_final(request.as_of):
            return True, before.clock
        if before.hidden or time.monotonic() >= deadline:
            raise DatasetError(_not_final(before, request.as_of))
        if not told:
            say(f"waiting for a transaction that can still add to what was known at {text(request.as_of)}")
            told = True
        time.sleep(_PAUSE)


def _not_final(before: OpenTransactions, as_of: int) -> str:
    if before.hidden:
        return (
            "this user can't see whether transactions of others are open, so it can't tell what is final: grant it "
            "pg_read_all_stats, and keep track_activities on"
        )
    since = "moments ago" if before.oldest is None else f"at {text(before.oldest)}"
    return (
        f"a transaction that began {since} can still add to what was known at {text(as_of)}: "
        "wait for longer (--wait), or use an earlier as-of time"
    )


def _snapshot(connection: Connection, request: DatasetRequest) -> Reading:
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    return read_dataset(connection, request)


def _manifest(request: DatasetRequest, reading: Reading, *, final: bool, built_at: int, git_sha: str) -> Manifest:
    return Manifest(
        fingerprint=fingerprint(reading.content),
        numerics=numerics_fingerprint(),
        rows=len(reading.content),
        terms=reading.content.terms,
        request=request,
        universe=reading.universe,
        left_out=reading.left_out,
        final=final,
        git_sha=git_sha,
        built_at=text(built_at),
    )


def _register(connection: Connection, manifest: Manifest) -> None:
    connection.execute(
        queries("datasets")["register"],
        {
            "dataset_id": manifest.dataset_id,
            "fingerprint": manifest.fingerprint,
            "rows": manifest.rows,
            "as_of": to_moment(manifest.request.as_of),
            "detail": Jsonb({name: value for name, value in manifest.document().items() if name != "universe"}),
        },
    )
