"""`signaltape drift`: what is measured of the models in use."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from signaltape.cli.drift_backtest import backtest_policy

app = typer.Typer(no_args_is_help=True, add_completion=False)

app.command("backtest-policy")(backtest_policy)


@app.callback()
def drift() -> None:
    """Show what was measured, measure again after corrections, compare alert policies."""


@app.command()
def revise(
    every: Annotated[bool, typer.Option("--every", help="Also sessions whose corrections were seen before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure sessions again whose returns were corrected after their close. Alerts stay what they were."""
    from infra.settings import load_settings
    from signaltape.cli.drift_text import revisions_text
    from signaltape.drift.revision import revise as run

    found = run(load_settings(), every=every)
    typer.echo(json.dumps([asdict(one) for one in found], default=str, indent=2) if as_json else revisions_text(found))


@app.command()
def report(
    strategy: Annotated[str | None, typer.Option(help="Only this strategy. [default: all]")] = None,
    days: Annotated[int, typer.Option(min=1, max=1000, help="Sessions to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what was measured of each series, session by session, and what there is too little data for."""
    from infra.settings import load_settings
    from infra.warehouse import connect
    from infra.warehouse.drift_report import drift_days, missing_metrics
    from signaltape.cli.drift_text import report_text

    with connect(load_settings()) as connection:
        found = drift_days(connection, strategy=strategy, days=days)
        missing = missing_metrics(connection, strategy=strategy)
    if as_json:
        plain = {"days": [asdict(one) for one in found], "missing": [asdict(one) for one in missing]}
        typer.echo(json.dumps(plain, default=str, indent=2))
    else:
        typer.echo(report_text(found, missing))
