"""`signaltape run`: one service in this process, or all of them under a supervisor."""

from typing import Annotated

import typer


def run(
    service: Annotated[
        str, typer.Argument(help="ingest, features, inference, store, drift, responder, api, daily, monitor, or all.")
    ],
    instance: Annotated[int, typer.Option(min=0, help="Slot number of this instance of the service.")] = 0,
    detach: Annotated[
        bool, typer.Option("--detach", help="With all: leave them running; `signaltape down` stops them.")
    ] = False,
) -> None:
    """Run one service until it is stopped, or all of them, each in a process of its own."""
    from infra.settings import load_settings
    from signaltape.service_table import entry_point

    if detach:
        _detach(service)
        return
    if service == "all":
        _run_all()
        return
    if service in ("features", "inference", "api", "daily"):
        from signaltape.extensions import load_feature_sets

        load_feature_sets()
    raise typer.Exit(entry_point(service)(load_settings(), instance))


def _run_all() -> None:
    import signal

    from infra.restore_mark import require_whole
    from infra.settings import load_settings
    from signaltape.service_table import SERVICES
    from signaltape.supervision import Supervisor

    home = load_settings().home
    require_whole(home)  # each service refuses too, and would be restarted for ever
    logs = home / "logs"
    with Supervisor(list(SERVICES), logs) as supervisor:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: supervisor.request_stop())
        typer.echo(f"running {', '.join(SERVICES)}; logs in {logs}; Ctrl-C stops", err=True)
        supervisor.wait()


def _detach(service: str) -> None:
    import os

    from infra.settings import load_settings
    from signaltape.detached import start_detached

    if service != "all":
        raise typer.BadParameter("--detach is for all services: signaltape run all --detach")
    settings = load_settings()
    pid = start_detached(settings.home, {**os.environ, "SIGNALTAPE_HOME": str(settings.home)})
    typer.echo(f"running in the background, supervised by process {pid}; logs in {settings.home / 'logs'}", err=True)
