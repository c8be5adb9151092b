"""The repair job's thread beside the store's loop: it must not hold up rows, nor they it."""

import threading

from consumers.store.repair_job import RepairJob
from infra.broker.publisher import Publisher
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse.active_lock import ActiveLock, LockLostError
from infra.warehouse.errors import WarehouseUnavailable

_EVERY_S = 0.5
_AWAY_S = 1.0


class RepairThread:
    """Works repair requests off while this instance holds the lock; a failure sets ``stop``, and ``end`` raises it."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings, self._stop = settings, stop
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, name="repairs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Stop after the symbol at hand; raises what ended the thread."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self._failure = error
            self._stop.set()

    def _run(self) -> None:
        publisher = Publisher(self._settings, "signaltape-store-repairs")
        while not self._stop.is_set():
            lock = ActiveLock(self._settings, "repairs")
            job = RepairJob(self._settings, publisher, lock.check)
            try:
                if lock.acquire(self._stop):
                    while not self._stop.is_set():
                        if not job.work_off(self._stop.is_set):
                            self._stop.wait(_EVERY_S)
                            lock.check()
            except (WarehouseUnavailable, LockLostError) as error:
                get_logger().warning("waiting", what="postgres", reason=str(error))
                self._stop.wait(_AWAY_S)
            finally:
                job.close()
                lock.release()
