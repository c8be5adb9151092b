"""The drift agent as a process."""

import threading
from collections.abc import Callable

from consumers.drift_agent.agent import DriftAgent
from consumers.drift_agent.alert_topic import AlertsUnavailable, AlertTopic
from consumers.drift_agent.store import DriftStore
from consumers.service import Context, run_service
from consumers.shell import Committer, Patience, Shell, ShellOptions, Stopped
from infra.broker.dead_letters import DeadLetters
from infra.broker.publisher import Publisher
from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.warehouse import WarehouseUnavailable
from infra.warehouse.active_lock import ActiveLock, LockLostError
from schemas.topics import TopicNames

SERVICE = "drift"


class TakenOverError(OperatorError):
    """Another drift agent became the active one while this one was cut off from Postgres; it may go on alone."""


def run(settings: Settings, instance: int = 0) -> int:
    """Run the drift agent until it is stopped; return the exit code.

    One instance is active for each topic prefix: others wait, without joining the group, until its lock is free.
    """
    return run_service(SERVICE, instance, settings, _body)


def _body(context: Context) -> None:
    """Become the active instance, then read until stopped."""
    settings, names = context.settings, TopicNames(context.settings.topics.prefix)
    patience = Patience(context.stop)
    lock = ActiveLock(settings, SERVICE)
    context.health.ready("active", False, "waiting to become the active drift agent")
    log = get_logger()

    def waiting() -> None:
        log.warning("standby", reason="another drift agent is active; waiting for it to end")

    try:
        if not patience.persist("postgres", (WarehouseUnavailable,), lambda: lock.acquire(context.stop, waiting)):
            return
        context.health.ready("active", True)
        shell = Shell(
            settings,
            f"{settings.topics.prefix}signaltape-{SERVICE}",
            (names.predictions, names.returns),
            lambda committer, waits: _agent(settings, committer, waits, _keeper(lock, waits, context.stop)),
            options=ShellOptions(contiguous=False, read_committed=True),
            stop=context.stop,
            report=lambda lane, position, lag: context.health.progress(*lane, position, lag),
        )
        context.health.ready("started", True)
        shell.run()
    except Stopped:
        return
    finally:
        lock.release()


def _agent(
    settings: Settings, committer: Committer, patience: Patience, still_active: Callable[[], None]
) -> DriftAgent:
    """Load the state, end what a predecessor left half done, and hand over to the shell."""
    store = DriftStore(settings)
    monitor = patience.persist("postgres", (WarehouseUnavailable,), store.load)
    topic = AlertTopic(settings, settings.drift.alert_format)
    patience.persist("kafka", (AlertsUnavailable,), topic.start)
    agent = DriftAgent(
        monitor=monitor,
        store=store,
        topic=topic,
        dead_letters=DeadLetters(Publisher(settings, SERVICE), TopicNames(settings.topics.prefix), SERVICE),
        find_reference=store.find_reference,
        still_active=still_active,
        options=settings.drift,
        committer=committer,
        patience=patience,
    )
    agent.publish_waiting(after_restart=True)
    return agent


def _keeper(lock: ActiveLock, patience: Patience, stop: threading.Event) -> Callable[[], None]:
    """Return what confirms that this process is still the active one, and takes the lock again after an outage."""

    def taken() -> None:
        raise TakenOverError("another drift agent has taken over: this one ends; started again, it waits in line")

    def confirm() -> None:
        try:
            lock.check()
        except LockLostError as error:
            get_logger().warning("lock lost", reason=str(error))
            lock.release()
            if not patience.persist("postgres", (WarehouseUnavailable,), lambda: lock.acquire(stop, taken)):
                raise Stopped("postgres") from error

    return confirm
