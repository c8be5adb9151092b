"""One active instance at a time: a lock that Postgres holds for as long as its owner's session lives."""

import hashlib
import threading
from collections.abc import Callable

import psycopg

from infra.settings import Settings
from infra.warehouse.connection import Connection, connect
from infra.warehouse.errors import WarehouseError, WarehouseUnavailable


class LockLostError(WarehouseError):
    """The session that held the lock is gone: another instance may be active already, so this one must end."""


class ActiveLock:
    """A session lock on a service of one topic prefix. A standby waits for it; the owner checks it while it works."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._settings = settings
        self._service = service
        name = f"{settings.topics.prefix}signaltape-{service}"
        self._key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        self._connection: Connection | None = None

    def acquire(self, stop: threading.Event, waiting: Callable[[], None] = lambda: None) -> bool:
        """Return True once the lock is held, False if ``stop`` was set first; ``waiting`` is called if it is taken.

        Raises WarehouseUnavailable if Postgres doesn't answer, or no longer does while this one waits.
        """
        self._connection = connect(self._settings, name=f"signaltape-{self._service}-lock")
        told = False
        while not stop.is_set():
            if self._try(self._connection):
                return True
            if not told:
                waiting()
                told = True
            stop.wait(0.5)
        self.release()
        return False

    def _try(self, connection: Connection) -> bool:
        try:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key,)).fetchone()
        except psycopg.OperationalError as error:
            self.release()
            raise WarehouseUnavailable(f"{self._service} waits for its lock: Postgres was lost ({error})") from error
        return row is not None and bool(row[0])

    def check(self) -> None:
        """Raise ``LockLostError`` if the session that holds the lock is gone."""
        try:
            if self._connection is not None and not self._connection.closed:
                self._connection.execute("SELECT 1")
                return
        except Exception as error:
            raise LockLostError(f"{self._service}: the lock's session was lost ({error})") from error
        raise LockLostError(f"{self._service}: the lock is not held")

    def release(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
