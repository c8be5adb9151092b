"""`signaltape up | down | status | doctor`: the local stack, and whether this machine can run it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.stack import Stack, StackConfig
    from signaltape.fleet import View

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the stack's data. Default: below SIGNALTAPE_HOME.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, passwords included, for programs.")]
PortOption = Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")]

NOT_RUNNING = 4


def stack_config(data: Path | None, **ports: int | None) -> "StackConfig":
    """The stack of the settings, with what the command line replaces."""
    from infra.places import cache_folder, stack_folder
    from infra.settings import load_settings
    from infra.stack import Ports, StackConfig

    settings = load_settings()
    chosen = {
        name: value if value is not None else getattr(settings.stack, f"{name}_port") for name, value in ports.items()
    }
    return StackConfig(
        data=stack_folder(settings.home) if data is None else data.absolute(),
        cache=cache_folder(settings.home),
        ports=Ports(**chosen),
        kafka_heap_mb=settings.stack.kafka_heap_mb,
        require_timescale=settings.stack.require_timescale,
        deadline_s=settings.stack.deadline_s,
    )


def say(text: str) -> None:
    """Progress and notices go to stderr: stdout holds what was asked for."""
    print(text, file=sys.stderr, flush=True)


def up(
    data: DataOption = None,
    kafka_port: PortOption = None,
    controller_port: PortOption = None,
    postgres_port: PortOption = None,
    redis_port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start Kafka, Postgres with TimescaleDB and Redis, and leave them running.

    The first start fetches and builds what is missing. What runs already is kept.
    """
    from infra.stack import Stack

    config = stack_config(data, kafka=kafka_port, controller=controller_port, postgres=postgres_port, redis=redis_port)
    stack = Stack(config, detached=True, progress=lambda text: say(f"up: {text}"))
    stack.start()
    if stack.notice:
        say(f"up: NOTICE: {stack.notice}")
        say("up: NOTICE: running on plain Postgres: the schema works, without hypertables")
    _print_status(stack, as_json)


def down(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Stop the servers that `up` left running, and before them what `run all --detach` did; their data stays."""
    from infra.settings import load_settings
    from infra.stack import Stack
    from infra.stack.stack import SERVER_NAMES
    from signaltape.detached import stop_detached

    services = ["services"] if data is None and stop_detached(load_settings().home) else []
    stack = Stack(stack_config(data), detached=True)
    running = [*services, *(name for name in SERVER_NAMES if stack.process_id(name) is not None)]
    stack.stop()
    if as_json:
        typer.echo(json.dumps({"stopped": running, "data": str(stack.config.data)}))
    else:
        typer.echo(f"stopped: {', '.join(running) or 'nothing was running'} (data stays in {stack.config.data})")


def status(
    data: DataOption = None,
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="With --watch: seconds between two looks.")] = 1.0,
) -> None:
    """Show servers, services and what is degraded, and how fresh what is stored is; ends with 4 if a server is down.

    With --watch a live picture on a terminal, a line for each look elsewhere, with --json a document for each.
    """
    from infra.stack import Stack

    stack = Stack(stack_config(data), detached=True)
    if watch:
        _watch(stack, every, as_json)
        return
    if not _print_status(stack, as_json, stored=True):
        raise typer.Exit(NOT_RUNNING)


def _watch(stack: "Stack", every_s: float, as_json: bool) -> None:
    from infra.settings import load_settings
    from infra.stack.stack import SERVER_NAMES
    from signaltape.cli.watching import watch

    def servers() -> dict[str, bool]:
        """Those of the local stack; nothing to say where others' servers are used."""
        found = {str(name): stack.process_id(name) is not None for name in SERVER_NAMES}
        return found if any(found.values()) else {}

    watch(load_settings(), servers, every_s=every_s, as_json=as_json)


def _print_status(stack: "Stack", as_json: bool, *, stored: bool = False) -> bool:
    """Print a line for each server, and where asked for the services and what is stored; True if all servers run."""
    from infra.settings_report import masked
    from infra.stack.stack import SERVER_NAMES
    from signaltape.cli.fleet_document import fleet_document
    from signaltape.cli.fleet_text import fleet_lines
    from signaltape.cli.stored_state import stored_document, stored_lines

    processes = {name: stack.process_id(name) for name in SERVER_NAMES}
    endpoints = stack.find_endpoints() if any(processes.values()) else None
    if as_json:
        servers = {
            name: {"running": process is not None, "pid": process, "log": str(stack.log(name))}
            for name, process in processes.items()
        }
        found = asdict(endpoints) if endpoints else None
        more = {"stored": stored_document(endpoints)} if stored and endpoints else {}
        services = {"services": fleet_document(_look())} if stored else {}
        document = {"data": str(stack.config.data), "servers": servers, "endpoints": found, **services, **more}
        typer.echo(json.dumps(document, indent=2))
        return all(processes.values())
    for name, process in processes.items():
        state = f"running, pid {process}" if process else "not running"
        typer.echo(f"{name:<9} {state:<22} log {stack.log(name)}")
    if endpoints:
        licence = f", TimescaleDB {endpoints.timescale_version} ({endpoints.timescale_license})"
        typer.echo(f"kafka     {endpoints.kafka_version:<12} {endpoints.bootstrap_servers}")
        typer.echo(f"postgres  {endpoints.postgres_version:<12} {masked('', endpoints.postgres_dsn)}", nl=False)
        typer.echo(licence if endpoints.timescale_version else ", no TimescaleDB")
        typer.echo(f"redis     {endpoints.redis_version:<12} {masked('', endpoints.redis_url)}")
        for line in stored_lines(endpoints) if stored else ():
            typer.echo(line)
    for line in fleet_lines(_look()) if stored else ():
        typer.echo(line)
    return all(processes.values())


def _look() -> "View":
    from infra.settings import load_settings
    from signaltape.fleet import Fleet

    return Fleet(load_settings()).look()


def doctor(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check what the stack needs on this machine, and whether the servers in the settings answer as they should.

    Ends with 1 if a check fails. A check that does not apply is shown as skipped, with the reason.
    """
    from infra.settings import load_settings
    from infra.stack.checks import machine_checks, server_checks

    config = stack_config(data)
    checks = [*machine_checks(config), *server_checks(load_settings())]
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            typer.echo(f"{check.state:<7} {check.name:<20} {check.detail}")
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(1)
