"""The audit trail: each line goes to the log at once, and to the table `api_audit` in order."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse.audit import AuditLine, add_line
from infra.warehouse.connection import Warehouse

#: Lines that may wait for Postgres; further ones are in the log only.
_MOST_WAITING = 1_000
#: How long a change waits until its first line is stored. While Postgres is away a pause must still be possible.
_PATIENCE_S = 2.0


class AuditTrail:
    """Keeps lines. Where Postgres doesn't take one, the log says so: the line itself stands there anyway."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topics.prefix
        self._warehouse = Warehouse(settings, "signaltape-api-audit")
        # One thread: lines are stored in the order in which they were written.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._room = threading.BoundedSemaphore(_MOST_WAITING)

    def add(self, line: AuditLine) -> "Future[None] | None":
        """Write a line; the future is done once it is stored, or could not be. None: too many wait already."""
        own = {name: getattr(line, name) for name in ("call", "client", "who", "outcome", "request_id")}
        get_logger().info("audit", **{**line.detail, **own})
        if not self._room.acquire(blocking=False):
            get_logger().error("audit_not_stored", request_id=line.request_id, reason="too many lines wait")
            return None
        future = self._executor.submit(self._store, line)
        future.add_done_callback(lambda _: self._room.release())
        return future

    async def stored(self, line: AuditLine) -> None:
        """The same; returns once the line is stored, or after two seconds."""
        future = self.add(line)
        if future is not None:
            await asyncio.wait([asyncio.wrap_future(future)], timeout=_PATIENCE_S)

    def close(self) -> None:
        """Store what waits, as far as it goes in two seconds, and close the connection."""
        wait([self._executor.submit(self._warehouse.close)], timeout=_PATIENCE_S)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _store(self, line: AuditLine) -> None:
        try:
            self._warehouse.run(lambda connection: add_line(connection, self._prefix, line))
        except OperatorError as error:
            get_logger().error("audit_not_stored", request_id=line.request_id, reason=str(error))
        except Exception:
            get_logger().exception("audit_not_stored", request_id=line.request_id)
