"""`signaltape features`: what the engine computes, and the same computation over a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.offline import FeatureTable
    from producers.bar_table import BarTable

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List or compute features.")


@app.command("list")
def list_features(
    feature_set: Annotated[str, typer.Option("--set", help="Feature set.")] = "core",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the columns of a feature set: first bar with a value, kind, exact definition."""
    from pipeline.features import FEATURE_SETS

    chosen = FEATURE_SETS.get(feature_set)
    if chosen is None:
        raise typer.BadParameter(f"{feature_set!r} is not a feature set; sets: {', '.join(FEATURE_SETS)}")
    rows = [
        {
            "name": feature.name,
            "first": feature.first,
            "recursive": feature.recursive,
            "comparable": feature.comparable,
            "definition": feature.definition,
        }
        for feature in chosen.features
    ]
    if as_json:
        head = {"set": chosen.name, "version": chosen.version, "hash": chosen.hash, "warm_up": chosen.warm_up}
        typer.echo(json.dumps(head | {"features": rows}))
        return
    typer.echo(
        f"{chosen.name} v{chosen.version} ({chosen.hash}): {len(rows)} columns, published from bar {chosen.warm_up}"
    )
    for row in rows:
        kind = "recursive" if row["recursive"] else "window"
        unit = "" if row["comparable"] else ", in price or share units"
        typer.echo(f"  {row['name']:20} from bar {row['first']:2}  {row['definition']}  [{kind}{unit}]")


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
    from pipeline.features import FEATURE_SETS
    from producers.bar_files import read_bars

    if feature_set not in FEATURE_SETS:
        raise typer.BadParameter(f"{feature_set!r} is not a feature set; sets: {', '.join(FEATURE_SETS)}")
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
    """Write symbol, ts (close, ns UTC), close, one column per feature: null where undefined."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"symbol": pa.array(table.symbol.tolist(), pa.string()), "ts": table.event_time, "close": table.close}
    for place, name in enumerate(table.names):
        columns[name] = pa.array(table.values[:, place], mask=~table.valid[:, place])
    out.parent.mkdir(parents=True, exist_ok=True)
    head = {"feature_set_hash": table.set_hash, "interval": table.interval}
    pq.write_table(pa.table(columns).replace_schema_metadata(head), out, compression="zstd")
