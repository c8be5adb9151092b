"""The shell of every service process: logs, telemetry, signals, exit code."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

from infra.errors import OperatorError
from infra.restore_mark import require_whole
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.telemetry.logs import configure, get_logger
from infra.telemetry.metrics import BUILD
from infra.telemetry.server import TelemetryServer


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a service's body gets: ``stop`` is set when the process was asked to end."""

    settings: Settings
    instance: int
    health: Health
    stop: threading.Event = field(default_factory=threading.Event)


def run_service(name: str, instance: int, settings: Settings, body: Callable[[Context], None]) -> int:
    """Run ``body`` until it returns and give the exit code: 0 after a clean end, 1 after a failure.

    SIGTERM and SIGINT set ``context.stop``. A failure that an operator can solve is one line that says what to do;
    any other comes with its traceback. In both cases the process ends, and its supervisor starts it again.
    """
    configure(settings, name)
    log = get_logger()
    health = Health()
    context = Context(settings=settings, instance=instance, health=health)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: context.stop.set())
    try:
        require_whole(settings.home)
        server = TelemetryServer(settings.metrics.host, settings.metrics.port, health)
    except OperatorError as error:
        log.error("failed", reason=str(error))
        return error.exit_code
    server.announce(settings.home / "run", f"{name}-{instance}")
    BUILD.labels(service=name, version=version("signaltape")).set(1)
    log.info("started", port=server.port, instance=instance)
    try:
        body(context)
    except OperatorError as error:
        log.error("failed", reason=str(error))
        return 1
    except Exception:
        log.exception("failed")
        return 1
    finally:
        server.close()
    log.info("stopped")
    return 0
