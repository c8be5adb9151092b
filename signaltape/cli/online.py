"""`signaltape online`: the newest vectors in Redis against the warehouse."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def online() -> None:
    """Check or rebuild the online store (Redis)."""


@app.command()
def check(as_json: AsJson = False) -> None:
    """Compare every vector in Redis with the newest one in the warehouse, bit for bit; exit 1 if one differs."""
    from infra.online import OnlineStore
    from infra.online.comparison import compare
    from infra.settings import load_settings
    from infra.warehouse import connect

    settings = load_settings()
    store = OnlineStore(settings)
    with connect(settings) as connection:
        lines, stale = compare(connection, store), store.is_stale()
    ok = not stale and all(line.equal for line in lines)
    if as_json:
        found = [asdict(line) | {"equal": line.equal} for line in lines]
        typer.echo(json.dumps({"equal": ok, "stale": stale, "sets": found}, indent=2))
    else:
        for line in lines:
            typer.echo(
                f"{line.feature_set} {line.set_version} {line.interval}: stored {line.stored}, online {line.online}, "
                f"missing {line.missing}, different {line.different}, extra {line.extra}"
            )
            for symbol, fault in line.examples:
                typer.echo(f"  {symbol} {fault}")
        if stale:
            typer.echo("the online store is marked stale: an agent has vectors that it could not write yet")
        typer.echo("the stores agree" if ok else "the stores differ: `signaltape online rebuild`")
    raise typer.Exit(0 if ok else 1)


@app.command()
def rebuild(as_json: AsJson = False) -> None:
    """Write every vector anew from the warehouse, and remove what the warehouse does not have."""
    from infra.online import OnlineStore
    from infra.online.comparison import rebuild as write_all
    from infra.settings import load_settings
    from infra.warehouse import connect

    settings = load_settings()
    with connect(settings) as connection:
        total = write_all(connection, OnlineStore(settings), lambda text: typer.echo(text, err=True))
    typer.echo(json.dumps({"vectors": total}) if as_json else f"{total} vectors written")
