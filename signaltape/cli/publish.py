"""`signaltape publish`: bars from a file into the log."""

import json
from pathlib import Path
from typing import Annotated

import typer


def publish(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet: symbol, ts, open, high, low, close[, volume].")],
    interval: Annotated[str, typer.Option(help="Bar interval: 1s, 1m, 1d …")],
    stamp: Annotated[str, typer.Option(help="What ts stamps: the bar's open or its close.")],
    speed: Annotated[str, typer.Option(help="max, 1x, 60x …; a break of over an hour takes two seconds.")] = "max",
    feed: Annotated[str, typer.Option(help="Name of the feed. [default: the file's name]")] = "",
    source: Annotated[str, typer.Option(help="Vendor of the bars. [default: the feed]")] = "",
    splits: Annotated[Path | None, typer.Option(help="CSV of splits to apply: symbol, effective_time, factor.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait until every service has taken them; 1 if one has not by then.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish bars from a file: validated first, then in time order, each on its partition, with watermarks."""
    from infra.settings import load_settings
    from producers.bar_files import read_bars
    from producers.pace import Pace, parse_speed
    from producers.splits import apply_splits, read_splits
    from signaltape.cli.progress import bar_progress
    from signaltape.publishing import FeedName, publish_table

    pace = Pace(parse_speed(speed))
    table = read_bars(file, interval, stamp)
    if splits is not None:
        table = apply_splits(table, read_splits(splits))
    name = feed or file.stem
    with bar_progress("publishing", len(table)) as progress:
        counts = publish_table(
            load_settings(), table, FeedName(feed=name, source=source or name), pace=pace, progress=progress
        )
    if as_json:
        typer.echo(json.dumps({"bars": counts.bars, "batches": counts.batches, "watermarks": counts.watermarks}))
    else:
        typer.echo(f"{counts.bars:,} bars in {counts.batches:,} batches, {counts.watermarks:,} watermarks, feed {name}")
    if wait:
        _await_through(wait)


def _await_through(deadline_s: float) -> None:
    from infra.settings import load_settings
    from signaltape.draining import await_through

    left = await_through(load_settings(), deadline_s, lambda text: typer.echo(text, err=True))
    if left:
        waiting = ", ".join(f"{count:,} before {stage}" for stage, count in left)
        typer.echo(f"published, but after {deadline_s:g} s messages wait: {waiting}. Does every service run?", err=True)
        raise typer.Exit(1)
