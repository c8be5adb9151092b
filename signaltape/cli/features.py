"""`signaltape features`: what the engine computes, and the same computation over a file."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signaltape.cli.feature_values import get_features

if TYPE_CHECKING:
    from pipeline.features import FeatureSet
    from pipeline.offline import FeatureTable
    from producers.bar_table import BarTable

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List, compute, check, read features.")
app.command("get")(get_features)


@app.command("list")
def list_features(
    feature_set: Annotated[str, typer.Option("--set", help="Feature set.")] = "core",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the columns of a feature set: first bar with a value, kind, exact definition."""
    from signaltape.cli.feature_text import set_document, set_lines

    document = set_document(_chosen(feature_set))
    if as_json:
        typer.echo(json.dumps(document))
        return
    for line in set_lines(document):
        typer.echo(line)


def _chosen(name: str) -> "FeatureSet":
    from pipeline.features import FEATURE_SETS
    from signaltape.extensions import load_feature_sets

    load_feature_sets()
    if name not in FEATURE_SETS:
        raise typer.BadParameter(f"{name!r} is not a feature set; sets: {', '.join(FEATURE_SETS)}")
    return FEATURE_SETS[name]


@app.command("check")
def check_features(
    feature_set: Annotated[str, typer.Option("--set", help="One feature set. [default: all]")] = "",
    seed: Annotated[int, typer.Option(help="Seed of the bars and of the times at which the future is changed.")] = 1,
    cuts: Annotated[int, typer.Option(min=1, max=50, help="Times at which the future is changed.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Change and cut the future: no feature and no label may move by one bit before it.

    Runs over seeded bars with gaps, corrections, missing volumes and a split. Checks as well that each set's
    declarations are true (warm-up, look-back, missing volume, units) and that batching, order, snapshots and splits
    change nothing. Exit code 1 if anything fails.
    """
    from signaltape.cli.feature_text import check_document, check_lines
    from signaltape.feature_check import check_sets

    report = check_sets(feature_set or None, seed=seed, cuts=cuts)
    if as_json:
        typer.echo(json.dumps(check_document(report)))
    else:
        for line in check_lines(report):
            typer.echo(line)
    if not report.passed:
        raise typer.Exit(1)


@app.command("compute")
def compute_features(
    file: Annotated[Path, typer.Argument(help="Bars: CSV or Parquet.")],
    *,
    interval: Annotated[str, typer.Option(help="Bar interval.")],
    stamp: Annotated[str, typer.Option(help="What ts means in the file: open or close.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    feature_set: Annotated[str, typer.Option("--set", help="Feature set.")] = "core",
    splits: Annotated[Path | None, typer.Option(help="CSV of splits: symbol, effective_time, factor.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Compute features of a file's bars with the engine that runs live, from each symbol's first bar on."""
    from producers.bar_files import read_bars

    _chosen(feature_set)
    if out.suffix != ".parquet":
        raise typer.BadParameter(f"--out must name a .parquet file, got {out}")
    bars = read_bars(file, interval, stamp)
    table = _compute(bars, feature_set, splits)
    _report_faults(table)
    _write(out, table)
    if as_json:
        typer.echo(json.dumps({"bars": len(bars), "set": feature_set, "out": str(out)} | _summary(table)))
    else:
        typer.echo(f"{len(bars):,} bars, {len(table.symbol):,} vectors of {len(table.names)} columns in {out}")
    if table.faults:
        raise typer.Exit(1)


def _compute(bars: "BarTable", feature_set: str, splits: Path | None) -> "FeatureTable":
    from pipeline.offline import compute
    from producers.splits import read_splits
    from schemas.bars import Adjustment
    from signaltape.cli.progress import bar_progress

    adjustments = [
        Adjustment(
            feed="file",
            source="file",
            symbol=split.symbol,
            factor=split.factor,
            effective_time=split.effective_time,
            available_time=split.effective_time,
        )
        for split in (read_splits(splits) if splits else ())
    ]
    with bar_progress("features", len(set(bars.event_time.tolist()))) as moved:
        done = 0

        def follow(now: int, _: int) -> None:
            nonlocal done
            moved(now - done)
            done = now

        return compute(bars, bars.interval, feature_set, splits=adjustments, progress=follow)


def _summary(table: "FeatureTable") -> dict[str, object]:
    return {
        "vectors": len(table.symbol),
        "symbols": len(set(table.symbol.tolist())),
        "columns": len(table.names),
        "duplicates": table.duplicates,
        "faults": len(table.faults),
        "set_hash": table.set_hash,
    }


def _report_faults(table: "FeatureTable") -> None:
    for fault in table.faults[:10]:
        typer.echo(f"row refused: {fault.symbol}: {fault.code}: {fault.detail}", err=True)
    if len(table.faults) > 10:
        typer.echo(f"… and {len(table.faults) - 10} more rows refused", err=True)


def _write(out: Path, table: "FeatureTable") -> None:
    """Write symbol, event_time (close, int64 ns UTC) and one column per feature, null where undefined.

    The file appears whole or not at all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"symbol": pa.array(table.symbol.tolist(), pa.string()), "event_time": table.event_time}
    for place, name in enumerate(table.names):
        columns[name] = pa.array(table.values[:, place], mask=~table.valid[:, place])
    out.parent.mkdir(parents=True, exist_ok=True)
    head = {"feature_set_hash": table.set_hash, "interval": table.interval}
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        pq.write_table(pa.table(columns).replace_schema_metadata(head), draft, compression="zstd")
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
