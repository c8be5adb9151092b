"""The ingest service: one active instance; a standby waits for the lock."""

import time

from consumers.ingest.feed_watch import FeedWatch
from consumers.ingest.loop import IngestLoop
from consumers.service import Context, run_service
from infra.broker.admin import check_partitions
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse.active_lock import ActiveLock

_LOCK_CHECK_S = 2.0


def run(settings: Settings, instance: int = 0) -> int:
    """Run the ingest until it is stopped; return the exit code."""
    return run_service("ingest", instance, settings, _body)


def _body(context: Context) -> None:
    check_partitions(context.settings)
    lock = ActiveLock(context.settings, "ingest")
    context.health.ready("started", True)
    context.health.ready("active", True, "waiting for the lock")
    if not lock.acquire(context.stop, lambda: get_logger().info("standby", reason="another ingest is active")):
        return
    context.health.ready("active", True, "active")
    loop = IngestLoop(context.settings, context.health, lock.check)
    watch = FeedWatch(context.settings, loop.release_orphan, lock.check)
    watch.start()
    try:
        _run_rounds(context, loop, watch, lock)
    finally:
        watch.stop()
        lock.release()


def _run_rounds(context: Context, loop: IngestLoop, watch: FeedWatch, lock: ActiveLock) -> None:
    checked = time.monotonic()
    while not context.stop.is_set():
        loop.round()
        if watch.failure is not None:
            raise watch.failure
        if time.monotonic() - checked > _LOCK_CHECK_S:
            lock.check()
            checked = time.monotonic()
    loop.close()
