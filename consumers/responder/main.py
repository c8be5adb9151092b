"""The responder as a process."""

from consumers.responder.delivering import SinkThread
from consumers.responder.loop import SERVICE, ResponderLoop
from consumers.responder.sinks import sinks_of
from consumers.service import Context, run_service
from consumers.shell.errors import Stopped
from consumers.shell.retry import Patience
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse.active_lock import ActiveLock
from infra.warehouse.errors import WarehouseUnavailable


def run(settings: Settings, instance: int = 0) -> int:
    """Run the responder until it is stopped; return the exit code.

    One instance is active for each topic prefix: others wait until its lock is free.
    """
    return run_service(SERVICE, instance, settings, _body)


def _body(context: Context) -> None:
    """Become the active instance, then deliver, and decide, until stopped."""
    settings, log = context.settings, get_logger()
    lock = ActiveLock(settings, SERVICE)
    context.health.ready("started", True)
    context.health.ready("assigned", False, "waiting to become the active responder")
    log.info("guard", mode=settings.guard.mode, severity=settings.guard.severity, sinks=list(settings.responder.sinks))

    def waiting() -> None:
        log.warning("standby", reason="another responder is active; waiting for it to end")

    patience = Patience(context.stop)
    threads: list[SinkThread] = []
    try:
        if not patience.persist("postgres", (WarehouseUnavailable,), lambda: lock.acquire(context.stop, waiting)):
            return
        threads += [SinkThread(settings, sink, context.stop) for sink in sinks_of(settings)]
        for thread in threads:
            thread.start()
        ResponderLoop(settings, context.health, context.stop, lock, threads).run()
    except Stopped:
        return
    finally:
        context.stop.set()
        for thread in threads:
            thread.wake()
        for thread in threads:
            thread.join(settings.responder.timeout_s + 1.0)
        lock.release()
