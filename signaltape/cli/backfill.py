"""`signaltape backfill`: history from a file, or rows of added feature sets for what the log has."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from signaltape.backfill import AddedSetsReport, BackfillReport


def backfill(
    file: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet: symbol, ts, open, high, low, close[, volume].")
    ] = None,
    *,
    interval: Annotated[str, typer.Option(help="Bar interval: 1s, 1m, 1d …")] = "",
    stamp: Annotated[str, typer.Option(help="What ts stamps: the bar's open or its close.")] = "",
    available_lag: Annotated[
        str | None, typer.Option(help="A bar could be known at its close plus this: 0s, 15m, 1d …")
    ] = None,
    available_column: Annotated[
        str | None, typer.Option(help="A column of the file says when a bar could be known.")
    ] = None,
    adjustments: Annotated[
        Path | None, typer.Option(help="CSV of splits in bars as traded: symbol, effective_time, factor.")
    ] = None,
    source: Annotated[str, typer.Option(help="Vendor; live bars must come from the same. [default: the run]")] = "",
    run: Annotated[str, typer.Option(help="Name of this load; continues one that died. [default: the file's]")] = "",
    chunk: Annotated[int, typer.Option(min=1, help="Bars a transaction, at least.")] = 20_000,
    from_topic: Annotated[
        bool, typer.Option(help="Instead of a file: the log's bars, for feature sets that were added to the settings.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Load a file's bars, features and returns in bulk; live bars then continue from it without a gap.

    With --from-topic: compute the features of sets that were added to the settings, for all bars that were processed
    without them. The feature agent and the store must be stopped at the end of it.
    """
    from infra.settings import load_settings
    from producers.durations import parse_duration
    from producers.history import Availability
    from signaltape.backfill import BackfillRequest, LoadOptions, run_backfill

    if from_topic:
        terms = (file, interval, stamp, available_lag, available_column, adjustments, source, run)
        if any(terms):
            raise typer.BadParameter(
                "it takes everything from the log: give only --chunk and --json beside it", param_hint="--from-topic"
            )
        _add_sets(chunk, as_json=as_json)
        return
    if file is None or not interval or not stamp:
        raise typer.BadParameter("give FILE, --interval and --stamp open|close; there is no default guess")
    lag = None if available_lag is None else parse_duration(available_lag, "--available-lag")
    settings = load_settings()
    name = run or file.stem
    request = BackfillRequest(
        file=file,
        interval=interval,
        stamp=stamp,
        availability=Availability(lag=lag, column=available_column),
        run=name,
        source=source or settings.engine.primary_source or name,
        adjustments=adjustments,
    )
    with _progress() as moved:
        report = run_backfill(settings, request, options=LoadOptions(chunk=chunk), progress=moved)
    typer.echo(json.dumps(asdict(report)) if as_json else _text(report))


def _add_sets(chunk: int, *, as_json: bool) -> None:
    from infra.settings import load_settings
    from signaltape.backfill import add_sets
    from signaltape.extensions import load_feature_sets

    load_feature_sets()
    settings = load_settings()
    with _progress() as moved:
        report = add_sets(settings, chunk=chunk, progress=moved)
    typer.echo(json.dumps(asdict(report)) if as_json else _added_text(report))


def _added_text(report: "AddedSetsReport") -> str:
    if report.done_before:
        return "the feature agent has every set of the settings: nothing was written"
    speed = f" in {report.seconds:.1f} s ({report.rows / report.seconds:,.0f} rows/s)" if report.seconds > 0.0 else ""
    lines = [f"{', '.join(report.sets)}: {report.rows:,} rows written, {report.messages:,} messages read{speed}"]
    if report.resumed:
        lines.append(f"{report.resumed:,} messages were done before")
    lines.append("the feature agent goes on with it: start `signaltape run features` and `run store` again")
    return "\n".join(lines)


def _progress() -> "_Bars":
    return _Bars()


class _Bars:
    """A progress bar for each stage, made when the stage begins."""

    def __init__(self) -> None:
        from contextlib import ExitStack

        self._stack = ExitStack()
        self._stage = ""

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, stage: str, count: int, total: int) -> None:
        from signaltape.cli.progress import bar_progress

        if stage != self._stage:
            self._stack.close()
            self._move = self._stack.enter_context(bar_progress(stage, total))
            self._stage = stage
        self._move(count)


def _text(report: "BackfillReport") -> str:
    if report.done_before:
        return f"run {report.run} is complete: {report.bars:,} bars of {report.symbols:,} symbols; nothing was written"
    rows = ", ".join(f"{count:,} {table}" for table, count in report.inserted.items()) or "none were left"
    loaded = report.bars - report.resumed
    speed = f" in {report.seconds:.1f} s ({loaded / report.seconds:,.0f} bars/s)" if report.seconds > 0.0 else ""
    head = f"{report.bars:,} {report.interval} bars of {report.symbols:,} symbols, run {report.run}"
    lines = [f"{head}; rows written: {rows}{speed}"]
    if report.resumed:
        lines.append(f"{report.resumed:,} bars were there from before")
    if existing := {table: count for table, count in report.suppressed.items() if count}:
        lines.append(
            "rows that existed and stayed: " + ", ".join(f"{count:,} {name}" for name, count in existing.items())
        )
    lines.append(
        f"{report.states:,} states are in the log. Live bars continue from them if they come from source"
        f" {report.source!r}; those of another one are kept beside, without features"
    )
    return "\n".join(lines)
