"""`signaltape demo`: the whole pipeline on real servers, with a report."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def demo(
    bars: Annotated[
        Path | None, typer.Option(help="Your own bars (CSV or Parquet) instead of the shipped ones.")
    ] = None,
    interval: Annotated[str, typer.Option(help="Interval of your bars.")] = "",
    stamp: Annotated[str, typer.Option(help="What ts stamps in your file: open or close.")] = "",
    symbols: Annotated[int, typer.Option(min=20, help="Symbols of the simulated session.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of the simulated session.")] = 7,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running, the console too; the end says how to stop it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Start real servers, train, run bars through everything, reconcile, print a report, stop (or not: --keep).

    Without --bars: real daily bars, simulated ones with a fault to be found, a simulated session. Exits 1 if anything
    fails to reconcile, or the fault is not found.
    """
    from infra.settings import load_settings
    from signaltape.demo.console import Console
    from signaltape.demo.fault_part import fault_part
    from signaltape.demo.parts import file_part, sample_part, simulated_part
    from signaltape.demo.rendering import render
    from signaltape.demo.report import passed
    from signaltape.demo.run import run_demo

    if bars is not None and not (interval and stamp):
        raise typer.BadParameter("--bars needs --interval and --stamp: a file doesn't say what its times mean")
    signal.signal(signal.SIGTERM, _end)
    console = Console()
    with console.step("reading bars"):
        parts = (
            [sample_part(), fault_part(), simulated_part(symbols, seed, section_every_s=0.03)]
            if bars is None
            else [file_part(bars, interval, stamp)]
        )
    try:
        report = run_demo(parts, load_settings().home, console, keep=keep)
    except KeyboardInterrupt:
        typer.echo("stopped; nothing is left running", err=True)
        raise typer.Exit(130) from None
    typer.echo(json.dumps(report, indent=2, default=str) if as_json else render(report))
    raise typer.Exit(0 if passed(report) else 1)


def _end(*_: Any) -> None:
    """Turn SIGTERM into an orderly end: what was started is stopped on the way out."""
    sys.exit(143)
