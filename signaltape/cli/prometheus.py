"""`signaltape prometheus`: a Prometheus over the processes of this home, with the shipped alert rules."""

import time
from typing import Annotated

import typer


def prometheus(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")] = 9090,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks at a process.")] = 5.0,
) -> None:
    """Run Prometheus until Ctrl-C: the one on PATH, or Debian's, which is fetched into the cache and not installed.

    Its data stays in SIGNALTAPE_HOME/prometheus. Processes are found as `signaltape status` finds them.
    """
    from infra.settings import load_settings
    from signaltape.cli.stack import say
    from signaltape.prometheus import LocalPrometheus, PrometheusError
    from signaltape.prometheus.server import find_program

    settings = load_settings()
    program = find_program(settings, lambda text: say(f"prometheus: {text}"))
    with LocalPrometheus(settings, program, settings.home / "prometheus", port=port, every_s=every) as server:
        say(f"prometheus: {server.address} (alerts: {server.address}/alerts); Ctrl-C stops")
        try:
            while server.is_running():
                time.sleep(0.5)
        except KeyboardInterrupt:
            return
        raise PrometheusError(f"Prometheus has ended; its log: {server.log}")
