"""`signaltape runs`: what was trained, how it was judged, and what failed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from infra.warehouse.training_runs import RecordedRun

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List and compare training runs.")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Name = Annotated[str, typer.Option("--name", help="Runs of this model only.")]
_Metric = Annotated[str, typer.Option(help="Metric to compare by.")]
_DataSet = Annotated[
    str, typer.Option("--data", help="Rows that it was measured on: train, validation, test, walk_forward.")
]


@app.command("list")
def list_runs(
    name: _Name = "",
    status: Annotated[str, typer.Option(help="Only running, finished, failed or lost ones.")] = "",
    as_json: _Json = False,
) -> None:
    """Show every training run, oldest first; a failed one with its reason."""
    found = [run for run in _runs(name) if status in ("", run.status)]
    if as_json:
        typer.echo(json.dumps([_document(run) for run in found]))
        return
    if not found:
        typer.echo("no training run is recorded; `signaltape train` records each that is to be registered")
    for run in found:
        made = f"{run.name}:{run.version}" if run.version is not None else run.name
        typer.echo(
            f"{run.run_id}  {run.status:8}  {made}  {_family(run)}  {run.started_at:%Y-%m-%d %H:%M:%S}{_why(run)}"
        )


@app.command()
def compare(
    name: _Name = "",
    metric: _Metric = "rank_ic",
    data: _DataSet = "test",
    top: Annotated[int, typer.Option(min=1, help="Show so many, the best first.")] = 10,
    as_json: _Json = False,
) -> None:
    """Rank finished runs by a metric; candidates of a grid have none on the test rows: compare them by validation."""
    ranked = _ranked(name, metric, data)[:top]
    if as_json:
        typer.echo(json.dumps([_document(run) for run in ranked]))
        return
    for place, run in enumerate(ranked, start=1):
        made = f"{run.name}:{run.version}" if run.version is not None else f"{run.name} (candidate)"
        values = run.metrics[data]
        low, high = values.get(f"{metric}_low"), values.get(f"{metric}_high")
        interval = "" if low is None or high is None else f"  95 % [{low:+.5f}, {high:+.5f}]"
        typer.echo(f"{place:3}  {metric} {values[metric]:+.5f}{interval}  {made}  {_family(run)}  {_changed(run)}")


@app.command()
def best(name: _Name = "", metric: _Metric = "rank_ic", data: _DataSet = "test", as_json: _Json = False) -> None:
    """Show the best finished run by a metric, with its parameters."""
    run = _ranked(name, metric, data)[0]
    if as_json:
        typer.echo(json.dumps(_document(run)))
        return
    made = f"{run.name}:{run.version}" if run.version is not None else "no version: a candidate of a grid"
    typer.echo(f"{run.run_id}: {metric} {run.metrics[data][metric]:+.5f} on {data}; {made}")
    typer.echo(f"{_family(run)}, {_changed(run)}; data set {run.dataset_fingerprint[:12]}, source {run.git_sha[:12]}")
    for name, values in run.metrics.items():
        shown = ", ".join(f"{one} {value:+.5f}" for one, value in values.items() if not one.endswith(("_low", "_high")))
        typer.echo(f"  {name}: {shown}")


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write, new or empty: what MLflow calls a file store.")],
    name: _Name = "",
    as_json: _Json = False,
) -> None:
    """Write runs in MLflow's file format: parameters, metrics and tags, for `mlflow ui --backend-store-uri FOLDER`."""
    from signaltape.training.mlflow_export import export_runs

    count = export_runs(folder, _runs(name))
    typer.echo(json.dumps({"runs": count, "folder": str(folder)}) if as_json else f"{count} runs written to {folder}")


def _runs(name: str) -> "list[RecordedRun]":
    from infra.settings import load_settings
    from signaltape.training.run_log import WarehouseRunLog

    return WarehouseRunLog(load_settings()).runs(name)


def _ranked(name: str, metric: str, data: str) -> "list[RecordedRun]":
    """Finished runs that have the metric, the best first. Raises TrainingError if there is none."""
    from signaltape.training.errors import TrainingError
    from signaltape.training.evaluation import METRICS

    if metric not in METRICS:
        raise typer.BadParameter(f"{metric!r} is not a metric; there are {', '.join(METRICS)}")
    found = [run for run in _runs(name) if run.status == "finished" and metric in run.metrics.get(data, {})]
    if not found:
        of_name = f" of {name}" if name else ""
        raise TrainingError(f"no finished run{of_name} has {metric} on {data}; see `signaltape runs list`")
    return sorted(found, key=lambda run: run.metrics[data][metric], reverse=METRICS[metric])


def _family(run: "RecordedRun") -> str:
    return f"{run.parameters.get('family', '?')} {run.parameters.get('target', 'regression')}"


def _changed(run: "RecordedRun") -> str:
    """The parameters that were chosen, beside the family's defaults."""
    chosen: dict[str, Any] = run.parameters.get("parameters", {})
    return ", ".join(f"{name}={value:g}" for name, value in chosen.items()) or "default parameters"


def _why(run: "RecordedRun") -> str:
    if run.reason:
        return f"  {run.reason}"
    return f"  candidate of {run.parent}" if run.parent else ""


def _document(run: "RecordedRun") -> dict[str, Any]:
    from dataclasses import asdict

    finished = None if run.finished_at is None else run.finished_at.isoformat()
    return asdict(run) | {"started_at": run.started_at.isoformat(), "finished_at": finished}
