"""The store service."""

from consumers.service import Context, run_service
from consumers.store.loop import StoreLoop
from consumers.store.repairs import RepairThread
from infra.broker.admin import check_partitions
from infra.settings import Settings


def run(settings: Settings, instance: int = 0) -> int:
    """Run the store until it is stopped; return the exit code. Instances with different numbers share the work."""
    return run_service("store", instance, settings, _body)


def _body(context: Context) -> None:
    check_partitions(context.settings)
    context.health.ready("started", True)
    context.health.ready("assigned", False, "waiting for partitions")
    loop = StoreLoop(context.settings, context.instance, context.health, context.stop)
    repairs = RepairThread(context.settings, context.stop)
    repairs.start()
    try:
        loop.run()
    finally:
        repairs.end()
