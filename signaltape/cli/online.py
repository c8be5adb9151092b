"""`signaltape online`: the newest vectors and signals in Redis against the warehouse."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.online.comparison import OnlineDifference
    from infra.online.signal_comparison import SignalDifference

app = typer.Typer(no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def online() -> None:
    """Check or rebuild the online store (Redis)."""


@app.command()
def check(as_json: AsJson = False) -> None:
    """Compare newest vectors and signals in Redis with the warehouse, bit for bit; exit 1 if one differs."""
    from infra.online import OnlineStore, SignalCache
    from infra.online.comparison import compare
    from infra.online.signal_comparison import compare_signals
    from infra.settings import load_settings
    from infra.warehouse import connect

    settings = load_settings()
    store, cache = OnlineStore(settings), SignalCache(settings)
    with connect(settings) as connection:
        lines, stale = compare(connection, store), store.is_stale()
        signals, behind = compare_signals(connection, cache), cache.stale.any()
    agree = all(line.equal for line in lines) and all(line.equal for line in signals)
    ok = agree and not (stale or behind)
    if as_json:
        found = [asdict(line) | {"equal": line.equal} for line in lines]
        newest = [asdict(line) | {"equal": line.equal} for line in signals]
        report = {"equal": ok, "stale": stale, "signals_stale": behind, "sets": found, "signals": newest}
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(lines, signals)
        if stale:
            typer.echo("the online store is marked stale: an agent has vectors that it could not write yet")
        if behind:
            typer.echo("newest signals are marked stale: the store has signals that it could not write yet")
        typer.echo("the stores agree" if ok else "the stores differ: `signaltape online rebuild`")
    raise typer.Exit(0 if ok else 1)


@app.command()
def rebuild(as_json: AsJson = False) -> None:
    """Write every vector and signal anew from the warehouse, and remove what the warehouse does not have."""
    from infra.online import OnlineStore, SignalCache
    from infra.online.comparison import rebuild as write_all
    from infra.online.signal_comparison import rebuild_signals
    from infra.settings import load_settings
    from infra.warehouse import connect

    def progress(text: str) -> None:
        typer.echo(text, err=True)

    settings = load_settings()
    with connect(settings) as connection:
        vectors = write_all(connection, OnlineStore(settings), progress)
        signals = rebuild_signals(connection, SignalCache(settings), progress)
    total = {"vectors": vectors, "signals": signals}
    typer.echo(json.dumps(total) if as_json else f"{vectors} vectors and {signals} signals written")


def _print(lines: "Sequence[OnlineDifference]", signals: "Sequence[SignalDifference]") -> None:
    named: list[tuple[str, OnlineDifference | SignalDifference]] = [
        (f"{line.feature_set} {line.set_version} {line.interval}", line) for line in lines
    ]
    named += [(f"signals {line.interval}", line) for line in signals]
    for name, line in named:
        typer.echo(
            f"{name}: stored {line.stored}, online {line.online}, missing {line.missing}, "
            f"different {line.different}, extra {line.extra}"
        )
        for symbol, fault in line.examples:
            typer.echo(f"  {symbol} {fault}")
