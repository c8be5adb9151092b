"""Brings the schema to the newest version: numbered SQL files, each applied once, in its own transaction."""

import hashlib
import logging
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql

from infra.settings import Settings
from infra.warehouse.connection import Connection, connect, where
from infra.warehouse.errors import MigrationError
from infra.warehouse.queries import queries
from infra.warehouse.roles import grant

_log = logging.getLogger(__name__)

PLAIN_NOTICE = (
    "TimescaleDB is not installed in {where}: the tables are plain Postgres tables (no chunks, no compression, "
    "no retention). Everything works, but large histories will be slow. Install the extension, then use a new database."
)
APACHE_NOTICE = (
    "TimescaleDB in {where} has the licence 'apache': hypertables without compression and retention policies."
)


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file: an applied file must never change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class MigrationReport:
    """What `migrate` did. notice: what the operator must know about the database, None if nothing."""

    applied: tuple[str, ...]
    timescale: str | None
    license: str | None
    notice: str | None


def migrations() -> tuple[Migration, ...]:
    """All files of `migrations/`, in order."""
    folder = resources.files("infra.warehouse").joinpath("migrations")
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    found = tuple(Migration(number=int(one.name[:4]), name=one.name, sql=one.read_text()) for one in files)
    numbers = [one.number for one in found]
    if numbers != list(range(1, len(numbers) + 1)):
        raise MigrationError(f"migrations must be numbered 1, 2, 3 … without a gap, found {numbers}")
    return found


def migrate(settings: Settings) -> MigrationReport:
    """Apply what is missing; safe to call from several processes at once and any number of times.

    Raises MigrationError if an applied file has changed since, or the database is newer than this program.
    """
    with connect(settings, name="signaltape-migrate") as connection, connection.transaction():
        connection.execute(queries("migrations")["lock"])
        timescale, licence = _extension(connection, create=not settings.postgres.db_schema)
        if settings.postgres.db_schema:
            _enter_schema(connection, settings.postgres.db_schema)
        applied = tuple(_apply_missing(connection))
        roles = grant(connection)
    notice = None
    if timescale is None:
        notice = PLAIN_NOTICE.format(where=where(settings))
        _log.warning("%s", notice)
    elif licence != "timescale":
        notice = APACHE_NOTICE.format(where=where(settings))
        _log.info("%s", notice)
    if roles.notice is not None:
        _log.info("%s", roles.notice)
        notice = roles.notice if notice is None else f"{notice}\n{roles.notice}"
    return MigrationReport(applied=applied, timescale=timescale, license=licence, notice=notice)


def _extension(connection: Connection, *, create: bool = True) -> tuple[str | None, str | None]:
    """Version and licence of TimescaleDB in this database, created if the server has it loaded; else None."""
    named = queries("migrations")
    row = connection.execute(named["extension"]).fetchone()
    if create and row is not None and row[0] is None and row[2]:
        try:
            with connection.transaction():
                connection.execute(named["create extension"])
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                "TimescaleDB is loaded in this server but not created in this database, and this user may not create "
                f"it: ask an administrator to run CREATE EXTENSION timescaledb ({str(error).strip()})"
            ) from error
        row = connection.execute(named["extension"]).fetchone()
    return (row[0], row[1]) if row is not None and row[0] is not None else (None, None)


def _enter_schema(connection: Connection, schema: str) -> None:
    """Make a schema, and let this transaction make its tables there.

    The functions of TimescaleDB lie in a schema that may hold other tables too: it comes second, so that what a
    migration makes, and then names, is always this schema's own. Only a migration sees it.
    """
    named = queries("migrations")
    connection.execute(sql.SQL(named["create schema"]).format(schema=sql.Identifier(schema)))
    connection.execute(named["schema path"], {"schema": schema})


def _apply_missing(connection: Connection) -> list[str]:
    named = queries("migrations")
    connection.execute(named["table"])
    known = {number: (name, checksum) for number, name, checksum in connection.execute(named["applied"])}
    wanted = migrations()
    if beyond := sorted(known.keys() - {one.number for one in wanted}):
        raise MigrationError(
            f"the database has migration {known[beyond[-1]][0]}, which this program does not know: upgrade the program"
        )
    applied = []
    for one in wanted:
        if one.number in known:
            if known[one.number][1] != one.checksum:
                raise MigrationError(
                    f"migration {one.name} was applied with other contents: put the file back, add a new one instead"
                )
            continue
        connection.execute(one.sql.encode())
        connection.execute(named["record"], (one.number, one.name, one.checksum))
        applied.append(one.name)
    return applied
