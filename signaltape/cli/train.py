"""`signaltape train`: a model from bars, judged on rows it never saw, into the registry."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from producers.bar_table import BarTable
    from signaltape.training import Trained, TrainOptions

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
    file: Annotated[Path, typer.Argument(help="Bars: CSV or Parquet.")],
    *,
    interval: Annotated[str, typer.Option(help="Bar interval: 1s, 1m, 1d …")],
    stamp: Annotated[str, typer.Option(help="What ts stamps: the bar's open or its close.")],
    name: Annotated[str, typer.Option(help="Name of the model; its version is counted up.")],
    family: Annotated[str, typer.Option(help="linear or lightgbm.")] = "linear",
    horizon: Annotated[int, typer.Option(help="Bars until the return is realised.")] = 5,
    feature_set: Annotated[str, typer.Option("--set", help="Feature set.")] = "core",
    features: Annotated[str, typer.Option(help="Columns, comma separated. [default: all free of units]")] = "",
    serve: Annotated[str, typer.Option(help="Intervals to serve, comma separated. [default: the bars']")] = "",
    splits: _Splits = None,
    until: Annotated[str, typer.Option(help="Use bars up to this time only (ISO-8601 with zone).")] = "",
    parameter: Annotated[list[str] | None, typer.Option(help="name=value of the family; repeatable.")] = None,
    min_confidence: Annotated[float, typer.Option(help="Below it a score means flat.")] = 0.0,
    fallback: Annotated[str, typer.Option(help="When the model has no answer: last, default or skip.")] = "skip",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 7,
    out: _Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a model on a file's bars; the latest 20 % of the rows judge it, the 20 % before calibrate it."""
    from signaltape.training import TrainOptions

    options = TrainOptions(
        name=name,
        family=family,
        horizon=horizon,
        feature_set=feature_set,
        features=_names(features),
        intervals=_names(serve),
        parameters=_parameters(parameter or []),
        min_confidence=min_confidence,
        fallback=fallback,
        seed=seed,
    )
    table = _bars(file, interval, stamp, splits, until)
    with tempfile.TemporaryDirectory(prefix="signaltape-train-") as scratch:
        trained = _train(table, options, out or Path(scratch))
        version = None if out is not None else _register(trained)
    _print(trained, version, as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _parameters(given: list[str]) -> dict[str, float]:
    found = {}
    for one in given:
        name, _, value = one.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise typer.BadParameter(f"--parameter {one}: give name=number") from None
    return found


def _bars(file: Path, interval: str, stamp: str, splits: Path | None, until: str) -> "BarTable":
    from producers.bar_files import read_bars
    from producers.splits import apply_splits, read_splits
    from producers.timestamps import parse_time

    try:
        end = parse_time(until) if until else None
    except ValueError as error:
        raise typer.BadParameter(f"--until {until}: {error}") from None
    table = read_bars(file, interval, stamp).between(end=end)
    # Splits after the last bar used change nothing that a model sees: every feature but the levels is a ratio.
    return table if splits is None else apply_splits(table, read_splits(splits))


def _train(table: "BarTable", options: "TrainOptions", folder: Path) -> "Trained":
    import numpy as np

    from signaltape.cli.progress import bar_progress
    from signaltape.training import train as run

    sections = len(np.unique(table.event_time))
    with bar_progress("computing features", sections) as advance:
        return run(table, options, folder, progress=_steps(advance), say=lambda text: typer.echo(text, err=True))


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
        metrics: dict[str, dict[str, float]] = {}
        for one in trained.metrics:
            metrics.setdefault(one.dataset, {})[one.metric] = one.value
        document = {"name": manifest.name, "version": version, "run_id": trained.run.run_id, "metrics": metrics}
        typer.echo(json.dumps({**document, "manifest": manifest.document()}))
        return
    for line in (*manifest_lines(manifest), *metric_lines(trained.metrics)):
        typer.echo(line)
    if version is None:
        typer.echo(f"written to {trained.folder}, not registered")
    else:
        typer.echo(f"registered as {manifest.name}:{version}")
