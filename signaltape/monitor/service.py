"""The monitor as a process: a look every few seconds, for as long as it runs."""

import time
from contextlib import closing

from consumers.service import Context, run_service
from infra.settings import Settings
from infra.telemetry.metrics import ROUND_SECONDS
from signaltape.monitor.looking import Look

SERVICE = "monitor"
#: Between two looks at the least: one that takes long must not be followed by the next at once.
_PAUSE_S = 0.1


def run(settings: Settings, instance: int = 0) -> int:
    """Run the monitor until it is stopped; return the exit code. One is enough; a second one says the same."""
    return run_service(SERVICE, instance, settings, _body)


def _body(context: Context) -> None:
    every_s = context.settings.monitor.every_s
    with closing(Look(context.settings, context.health)) as looking:
        while not context.stop.is_set():
            begun = time.monotonic()
            looking.look()
            took_s = time.monotonic() - begun
            ROUND_SECONDS.labels(service=SERVICE).observe(took_s)
            context.health.ready("started", True)
            context.stop.wait(max(every_s - took_s, _PAUSE_S))
