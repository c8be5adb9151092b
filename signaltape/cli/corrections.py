"""`signaltape corrections`: what was corrected after the fact, and what changed by it."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.warehouse.corrections import Correction

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def corrections() -> None:
    """Show revisions, late bars and late splits, and the rows that changed by them."""


@app.command("list")
def list_(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol. [default: all]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List corrections in the order in which they came. Rows are counted at the last of those repaired together."""
    from infra.settings import load_settings
    from infra.warehouse import connect
    from infra.warehouse.corrections import list_corrections

    with connect(load_settings()) as connection:
        found = list_corrections(connection, symbol)
    typer.echo(json.dumps([asdict(one) for one in found], default=str, indent=2) if as_json else _text(found))


def _text(found: list["Correction"]) -> str:
    if not found:
        return "no corrections"
    width = max(6, *(len(one.symbol) for one in found))
    columns = f"{'arrived':25} {'symbol':{width}} {'interval':8} {'corrects from':25} {'what':12} {'state':6}"
    out = [f"{columns} {'features':>9} {'returns':>9} {'seconds':>8}"]
    for one in found:
        seconds = "" if one.duration_s is None else f"{one.duration_s:.2f}"
        out.append(
            f"{one.requested_at.isoformat(timespec='seconds'):25} {one.symbol:{width}} {one.interval:8} "
            f"{one.event_time.isoformat(timespec='seconds'):25} {one.reason:12} {one.status:6} "
            f"{one.feature_rows:9,} {one.return_rows:9,} {seconds:>8}"
        )
        if one.status == "failed":
            out.append(f"{'':25} {one.detail}")
    return "\n".join(out)
