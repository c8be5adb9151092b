"""`signaltape train`: a model from bars, judged on rows it never saw, into the registry."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from producers.bar_table import BarTable
    from signaltape.datasets import CheckedDataset
    from signaltape.training import Course, Trained, TrainOptions
    from signaltape.training.options import Target

_Splits = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="CSV of splits to apply: symbol, effective_time, factor."),
]


def _unused(out: Path | None) -> Path | None:
    if out is not None and out.is_dir() and any(out.iterdir()):
        raise typer.BadParameter(f"{out} is not empty: name a new folder")
    return out


_Out = Annotated[
    Path | None, typer.Option(callback=_unused, help="Write the model's files here and don't register it.")
]


def train(
    file: Annotated[Path | None, typer.Argument(help="Bars: CSV or Parquet.")] = None,
    *,
    name: Annotated[str, typer.Option(help="Name of the model; its version is counted up.")],
    dataset: Annotated[Path | None, typer.Option(help="Train on this dataset instead (`signaltape dataset`).")] = None,
    interval: Annotated[str, typer.Option(help="Of a file, bar interval: 1s, 1m, 1d …")] = "",
    stamp: Annotated[str, typer.Option(help="What a file's ts stamps: the bar's open or its close.")] = "",
    family: Annotated[
        str, typer.Option("--model", "--family", help="Kind of model: linear, lightgbm, forest or mlp.")
    ] = "linear",
    target: Annotated[
        str, typer.Option(help="regression (on the return) or classification (does it rise?).")
    ] = "regression",
    horizon: Annotated[
        int | None, typer.Option(help="Bars until the return is realised. [default: 5, or the dataset's]")
    ] = None,
    feature_set: Annotated[str, typer.Option("--set", help="Feature set. [default: core, or the dataset's]")] = "",
    features: Annotated[str, typer.Option(help="Columns, comma separated. [default: all free of units]")] = "",
    serve: Annotated[str, typer.Option(help="Intervals to serve, comma separated. [default: the bars']")] = "",
    splits: _Splits = None,
    until: Annotated[str, typer.Option(help="Use bars up to this time only (ISO-8601 with zone).")] = "",
    parameter: Annotated[list[str] | None, typer.Option(help="name=value of the family; repeatable.")] = None,
    params: Annotated[Path | None, typer.Option(help="TOML or JSON file of parameters: name = number.")] = None,
    grid: Annotated[
        Path | None, typer.Option(help="TOML or JSON file of values to try: name = [number, …]; the best is kept.")
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(help="Expectations of the data: a file of `signaltape dataset validate --derive`."),
    ] = None,
    choose_by: Annotated[str, typer.Option(help="Metric by which the best of the grid is chosen.")] = "rank_ic",
    folds: Annotated[
        int, typer.Option("--walk-forward", help="Also judge on so many successive spans before the test span.")
    ] = 0,
    min_confidence: Annotated[float, typer.Option(help="Below it a score means flat.")] = 0.0,
    fallback: Annotated[str, typer.Option(help="When the model has no answer: last, default or skip.")] = "skip",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 7,
    out: _Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a model on bars or a dataset; the latest 20 % of the rows judge it, the 20 % before calibrate it."""
    from signaltape.training import TrainOptions
    from signaltape.training.run_log import recorded

    checked = _dataset(dataset, file, {"--interval": interval, "--stamp": stamp, "--splits": splits, "--until": until})
    terms = None if checked is None else checked.manifest.terms
    options = TrainOptions(
        name=name,
        family=family,
        target=cast("Target", target),
        horizon=horizon if horizon is not None else 5 if terms is None else terms.horizon,
        feature_set=feature_set or ("core" if terms is None else terms.feature_set),
        features=_names(features),
        intervals=_names(serve),
        parameters=_parameters(params, grid, parameter or []),
        walk_forward=folds,
        min_confidence=min_confidence,
        fallback=fallback,
        seed=seed,
    )
    course = _course(grid, choose_by, suite, registered=out is None)
    source = _bars(file, interval, stamp, splits, until) if checked is None else checked
    with (
        tempfile.TemporaryDirectory(prefix="signaltape-train-") as scratch,
        recorded(course.log, options) as run_id,
    ):
        trained = _train(source, options, out or Path(scratch), replace(course, run_id=run_id))
        version = None if out is not None else _register(trained)
    _print(trained, version, as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _parameters(params: Path | None, grid: Path | None, given: list[str]) -> dict[str, float]:
    """Those of the file, and over them those of the command line."""
    from signaltape.training.parameter_files import read_parameters

    if params is not None and grid is not None:
        raise typer.BadParameter("--params fixes parameters, --grid tries several: give one of them")
    found = {} if params is None else read_parameters(params)
    for one in given:
        name, _, value = one.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise typer.BadParameter(f"--parameter {one}: give name=number") from None
    return found


def _course(grid: Path | None, choose_by: str, suite: Path | None, *, registered: bool) -> "Course":
    """The grid, the expectations, and the table of runs where the model will be registered."""
    from infra.settings import load_settings
    from signaltape.training import Course, Search
    from signaltape.training.parameter_files import read_grid
    from signaltape.training.run_log import NoRunLog, WarehouseRunLog
    from signaltape.validation import read_suite

    return Course(
        suite=None if suite is None else read_suite(suite),
        search=None if grid is None else Search(grid=read_grid(grid), metric=choose_by),
        log=WarehouseRunLog(load_settings()) if registered else NoRunLog(),
        say=lambda text: typer.echo(text, err=True),
    )


def _dataset(folder: Path | None, file: Path | None, of_files: dict[str, object]) -> "CheckedDataset | None":
    """The dataset, read and compared with its fingerprint, None for a file; options that don't go together end it."""
    if (folder is None) == (file is None):
        raise typer.BadParameter("give a file of bars, or --dataset with a folder")
    if folder is None:
        if missing := [name for name in ("--interval", "--stamp") if not of_files[name]]:
            raise typer.BadParameter(f"a file of bars needs {' and '.join(missing)}")
        return None
    if given := [name for name, value in of_files.items() if value]:
        raise typer.BadParameter(f"{given[0]} is for files of bars; a dataset says it itself")
    from signaltape.datasets import open_dataset

    return open_dataset(folder)


def _bars(file: Path | None, interval: str, stamp: str, splits: Path | None, until: str) -> "BarTable":
    from producers.bar_files import read_bars
    from producers.splits import apply_splits, read_splits
    from producers.timestamps import parse_time

    try:
        end = parse_time(until) if until else None
    except ValueError as error:
        raise typer.BadParameter(f"--until {until}: {error}") from None
    assert file is not None
    table = read_bars(file, interval, stamp).between(end=end)
    # Splits after the last bar used change nothing that a model sees: every feature but the levels is a ratio.
    return table if splits is None else apply_splits(table, read_splits(splits))


def _train(source: "BarTable | CheckedDataset", options: "TrainOptions", folder: Path, course: "Course") -> "Trained":
    import numpy as np

    from signaltape.cli.progress import bar_progress
    from signaltape.datasets import CheckedDataset
    from signaltape.training import train as run
    from signaltape.training import train_on_dataset

    if isinstance(source, CheckedDataset):
        return train_on_dataset(source, options, folder, course=course)
    sections = len(np.unique(source.event_time))
    with bar_progress("computing features", sections) as advance:
        return run(source, options, folder, progress=_steps(advance), course=course)


def _steps(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """From "so many are done" to "so many more are done"."""
    done = 0

    def progress(now: int, _total: int) -> None:
        nonlocal done
        advance(now - done)
        done = now

    return progress


def _register(trained: "Trained") -> int:
    from infra.scoring.registry import ModelRegistry
    from infra.settings import load_settings

    settings = load_settings()
    horizon, computed = trained.manifest.horizon, settings.engine.horizons
    if horizon not in computed:
        typer.echo(
            f"warning: returns are computed over {', '.join(map(str, computed))} bars, not over {horizon}: this model "
            "could not be watched for drift. Add its horizon to the setting engine.horizons",
            err=True,
        )
    return ModelRegistry(settings).register(trained.folder, trained.manifest, trained.metrics, trained.run)


def _print(trained: "Trained", version: int | None, as_json: bool) -> None:
    from signaltape.cli.model_text import manifest_lines, metric_lines

    manifest = trained.manifest
    if as_json:
        document = {
            "name": manifest.name,
            "version": version,
            "run_id": trained.run.run_id,
            "metrics": trained.run.metrics,
            "candidates": [one.document() for one in trained.candidates],
            "model_tests": {"passed": trained.tests.passed, "share": trained.tests.share},
            "manifest": manifest.document(),
        }
        typer.echo(json.dumps(document))
        return
    for line in (*manifest_lines(manifest), *metric_lines(trained.metrics), *trained.tests.lines()):
        typer.echo(line)
    if version is None:
        typer.echo(f"written to {trained.folder}, not registered")
    else:
        typer.echo(f"registered as {manifest.name}:{version}")
