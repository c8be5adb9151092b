"""`signaltape reconcile`: are both sides of every stage the same?"""

import json
from typing import Annotated

import typer


def reconcile(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Count every stage in the log and in the tables, and compare row by row; exit 1 if anything differs."""
    from infra.settings import load_settings
    from signaltape.reconcile import reconcile as count_both

    result = count_both(load_settings(), lambda text: typer.echo(f"counting {text}", err=True))
    if as_json:
        typer.echo(json.dumps(result.as_json(), indent=2))
        raise typer.Exit(0 if result.ok else 1)
    width = max(len(row.stage) for row in result.rows)
    typer.echo(f"  {'stage':<{width}} {'in':>12} {'out':>12} {'duplicates':>12} {'dead letters':>12}")
    for row in result.rows:
        mark = "✓" if row.ok else "✗"
        typer.echo(
            f"{mark} {row.stage:<{width}} {row.in_:>12,} {row.out:>12,} {row.duplicates:>12,} {row.dead_lettered:>12,}"
        )
        if row.detail:
            typer.echo(f"    {row.detail}")
    typer.echo("reconciled" if result.ok else "NOT reconciled: see the lines with ✗")
    raise typer.Exit(0 if result.ok else 1)
