"""`signaltape audit`: who asked the HTTP API to change something, and how it ended."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.warehouse.audit import StoredLine

app = typer.Typer(no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Show the audit of changing calls over HTTP."""


@app.command("list")
def list_lines(
    who: Annotated[str, typer.Option(help="Only of the token with this name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at the most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print lines, newest first. A call has one before it is done and one with how it ended."""
    from infra.settings import load_settings
    from infra.warehouse import Warehouse
    from infra.warehouse.audit import newest_lines

    settings = load_settings()
    with Warehouse(settings, "signaltape-audit") as warehouse:
        rows = warehouse.run(lambda one: newest_lines(one, settings.topics.prefix, limit=limit, who=who))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], default=lambda moment: moment.isoformat()))
        return
    for row in rows:
        typer.echo(_text(row))
    if not rows:
        typer.echo("no such line is stored")


def _text(row: "StoredLine") -> str:
    """One line; what was sent is shown as JSON, so that no control character reaches the terminal."""
    who, call = json.dumps(row.who or "(no token)"), json.dumps(row.call)
    more = json.dumps(row.detail) if row.detail else ""
    return (
        f"{row.at:%Y-%m-%d %H:%M:%S}  {row.outcome:<12} {call} by {who} from {row.client} {row.request_id[:8]} {more}"
    )
