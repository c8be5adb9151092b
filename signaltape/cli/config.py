"""`signaltape config`: what is in force, and where each value came from."""

import json
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def config() -> None:
    """Show settings and where they came from."""


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print each setting, its value (secrets masked) and its source."""
    from infra.settings import load_settings
    from infra.settings_report import report

    rows = report(load_settings())
    if as_json:
        typer.echo(json.dumps({row.name: {"value": row.value, "source": row.source} for row in rows}, indent=2))
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        typer.echo(f"{row.name:<{width}}  {json.dumps(row.value):<40}  {row.source}")


@app.command()
def reference(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print every setting that there is: variable, default, what it may be and what it means (docs/operations)."""
    from dataclasses import asdict

    from infra.settings_reference import markdown
    from infra.settings_reference import reference as all_settings

    if as_json:
        typer.echo(json.dumps([asdict(group) for group in all_settings()], indent=2))
    else:
        typer.echo("\n".join(markdown()).rstrip())
