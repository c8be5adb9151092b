"""One connection to the warehouse that survives the server's restarts, and the rule for ambiguous commits."""

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo

from infra.settings import Settings
from infra.warehouse.errors import WarehouseError, WarehouseUnavailable

Connection = psycopg.Connection[tuple[Any, ...]]
Result = TypeVar("Result")

#: A transaction that the server may ask for again: it chose this one as the victim of a deadlock, or is shutting down.
_TRANSIENT = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.AdminShutdown,
    psycopg.errors.CrashShutdown,
)
_log = logging.getLogger(__name__)

# A frozen or vanished client must not hold its locks: a successor waits for them. Sessions speak UTC.
_SESSION = (
    "SET timezone TO 'UTC'; SET idle_in_transaction_session_timeout TO '30s'; SET tcp_keepalives_idle TO 10;"
    " SET tcp_keepalives_interval TO 5; SET tcp_keepalives_count TO 3"
)


def connect(settings: Settings, *, name: str = "signaltape") -> Connection:
    """Open a connection in autocommit mode; transactions are explicit (`with connection.transaction()`).

    Raises WarehouseUnavailable naming the server if it does not answer within five seconds, WarehouseError for a
    setting that is no connection string.
    """
    try:
        dsn = make_conninfo(settings.postgres.dsn, application_name=name, connect_timeout=5)
    except psycopg.ProgrammingError:
        # The reason quotes the string, password included: it must not reach a log.
        raise WarehouseError(
            "the setting postgres.dsn is no connection string; in a URL, write special characters percent-encoded"
        ) from None
    try:
        connection: Connection = psycopg.connect(dsn, autocommit=True)
        connection.execute(_SESSION)
        if settings.postgres.db_schema:
            # This schema alone: no name may ever be found in another one, least of all in the live tables'.
            connection.execute(
                "SELECT set_config('search_path', quote_ident(%s), false)", (settings.postgres.db_schema,)
            )
    except psycopg.OperationalError as error:
        raise WarehouseUnavailable(
            f"Postgres does not answer at {where(settings)}: {str(error).strip()}; is it running? `signaltape status`"
        ) from error
    return connection


def where(settings: Settings) -> str:
    """Host, port and database of the warehouse, without user and password."""
    parts = psycopg.conninfo.conninfo_to_dict(settings.postgres.dsn)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


class Warehouse:
    """A service's connection: opened at the first use, thrown away when it breaks, opened again at the next use."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The open connection; WarehouseUnavailable if there is none to be had."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._settings, name=self._name)
        return self._connection

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction.

        Raises WarehouseUnavailable if the server was lost on the way: the transaction may or may not have been
        committed, so `work` must be one that finds out by itself when it is called again.
        """
        connection = self.connection
        try:
            with connection.transaction():
                return work(connection)
        except _TRANSIENT as error:
            self.close()
            reason = str(error).strip() or type(error).__name__
            _log.warning("warehouse lost: %s", reason)
            raise WarehouseUnavailable(f"Postgres was lost at {where(self._settings)}: {reason}") from error

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
