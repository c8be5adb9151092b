"""`signaltape quality`: what is odd about the bars that came in."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.warehouse.bar_quality import QualityLine

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def quality() -> None:
    """Report gaps, spikes, stale prices and zero volumes of stored bars."""


@app.command()
def report(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol. [default: all]")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Bars that close after this time (with zone).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Bars that close at or before this time.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Newest marked bars to show of each kind.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count the marks that bars got when they came in, by symbol and kind. A marked bar is used like any other."""
    from infra.settings import load_settings
    from infra.warehouse import connect
    from infra.warehouse.bar_quality import quality_report

    after, until = _time(start, "--from"), _time(end, "--to")
    if after is not None and until is not None and after >= until:
        raise typer.BadParameter(f"--from {start} is not before --to {end}")
    with connect(load_settings()) as connection:
        lines = quality_report(connection, symbol=symbol, after=after, until=until, examples=examples)
    if symbol is not None and not lines:
        typer.echo(f"no bars of {symbol!r} are stored in this span of time", err=True)
        raise typer.Exit(1)
    typer.echo(json.dumps([asdict(line) for line in lines], default=str, indent=2) if as_json else _text(lines))


def _time(text: str | None, option: str) -> int | None:
    from producers.timestamps import parse_time

    try:
        return None if text is None else parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def _text(lines: tuple["QualityLine", ...]) -> str:
    from pipeline.quality.marks import BITS

    if not lines:
        return "no bars are stored in this span of time"
    width = max(6, *(len(line.symbol) for line in lines))
    columns = ("bars", "secondary", "marked", *BITS)
    out = [f"{'symbol':{width}} {'interval':8} " + " ".join(f"{name:>11}" for name in columns)]
    totals = [0] * len(columns)
    for line in lines:
        counts = [line.bars, line.secondary, line.marked, *line.marks.values()]
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        out.append(f"{line.symbol:{width}} {line.interval:8} " + " ".join(f"{count:11,}" for count in counts))
        out += [
            f"{'':{width}}   {one.kind} at {one.event_time.isoformat()}, close {one.close:g} ({one.source}"
            f"{f', revision {one.revision}' if one.revision else ''})"
            for one in line.examples
        ]
    out.append(f"{'all':{width}} {'':8} " + " ".join(f"{count:11,}" for count in totals))
    return "\n".join(out)
