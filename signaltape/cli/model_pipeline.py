"""`signaltape pipeline run | show | list`: a model from data to staging, stage by stage."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from infra.settings import Settings
    from signaltape.model_pipeline import Ended
    from signaltape.training.options import Target

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Validate, test, train, evaluate, register, deploy to staging."
)
_Runs = Annotated[Path | None, typer.Option(help="Folder of runs. [default: model-pipeline below the data folder]")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("run")
def run(
    *,
    name: Annotated[str, typer.Option(help="Name of the model; its version is counted up.")] = "",
    dataset: Annotated[Path | None, typer.Option(help="What to learn from (`signaltape dataset build`).")] = None,
    family: Annotated[str, typer.Option("--model", help="linear, lightgbm, forest or mlp.")] = "linear",
    target: Annotated[str, typer.Option(help="regression or classification.")] = "regression",
    params: Annotated[Path | None, typer.Option(help="TOML or JSON file of parameters: name = number.")] = None,
    grid: Annotated[Path | None, typer.Option(help="TOML or JSON file of values to try: name = [number, …].")] = None,
    choose_by: Annotated[str, typer.Option(help="Metric by which the best of the grid is chosen.")] = "rank_ic",
    suite: Annotated[
        Path | None, typer.Option(help="Expectations that the data must meet, beside the general.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 7,
    strategy: Annotated[str, typer.Option(help="Compare with this strategy's live model.")] = "",
    shadow: Annotated[
        bool, typer.Option("--shadow", help="At the end let it run as a shadow of the strategy.")
    ] = False,
    resume: Annotated[str, typer.Option(help="Go on with this run; it keeps its own options.")] = "",
    runs: _Runs = None,
    as_json: _Json = False,
) -> None:
    """Take a model from a dataset to staging; a stage that fails stops it with its reason (exit code 1)."""
    from infra.settings import load_settings
    from signaltape.model_pipeline import Plan, resume_run, start_run
    from signaltape.training import TrainOptions
    from signaltape.training.parameter_files import read_grid, read_parameters

    settings = load_settings()
    root = _root(settings, runs)
    if resume:
        if name or dataset is not None:
            raise typer.BadParameter("a run that is resumed keeps its own options: give --resume (and --runs) alone")
        _print(resume_run(settings, resume, root, _say), as_json)
        return
    if not name or dataset is None:
        raise typer.BadParameter("give --name and --dataset, or --resume")
    if params is not None and grid is not None:
        raise typer.BadParameter("--params fixes parameters, --grid tries several: give one of them")
    horizon, feature_set = _terms(dataset)
    options = TrainOptions(
        name=name,
        family=family,
        target=cast("Target", target),
        horizon=horizon,
        feature_set=feature_set,
        parameters={} if params is None else read_parameters(params),
        seed=seed,
    )
    plan = Plan(
        dataset=str(dataset.absolute()),
        options=options,
        grid={} if grid is None else read_grid(grid),
        choose_by=choose_by,
        suite="" if suite is None else str(suite.absolute()),
        strategy=strategy,
        shadow=shadow,
    )
    _print(start_run(settings, plan, root, _say), as_json)


@app.command("show")
def show(
    run_id: Annotated[str, typer.Argument(help="As `pipeline list` names it.")],
    runs: _Runs = None,
    as_json: _Json = False,
) -> None:
    """Show where a run stands and what its stages found; exit code 1 if it has not passed."""
    from infra.settings import load_settings
    from signaltape.model_pipeline.run import find_run

    ended = find_run(run_id, _root(load_settings(), runs))
    _tell(ended, as_json)
    if not ended.passed:
        raise typer.Exit(1)


@app.command("list")
def list_runs(runs: _Runs = None, as_json: _Json = False) -> None:
    """List runs, oldest first."""
    from infra.settings import load_settings
    from signaltape.model_pipeline.run import known_runs

    found = known_runs(_root(load_settings(), runs))
    if as_json:
        typer.echo(json.dumps([{"run_id": one.run_id, "state": _state(one)} for one in found]))
        return
    for one in found:
        typer.echo(f"{one.run_id}  {_state(one)}")


def _terms(dataset: Path) -> tuple[int, str]:
    """Horizon and feature set of a dataset, by its manifest alone: the first stage checks the rest."""
    from signaltape.datasets.files import read_manifest

    terms = read_manifest(dataset).terms
    return terms.horizon, terms.feature_set


def _root(settings: "Settings", runs: Path | None) -> Path:
    from signaltape.model_pipeline.run import runs_folder

    return runs_folder(settings) if runs is None else runs


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print(ended: "Ended", as_json: bool) -> None:
    _tell(ended, as_json)
    ended.require()


def _tell(ended: "Ended", as_json: bool) -> None:
    from signaltape.model_pipeline.page import summary

    if as_json:
        document: dict[str, Any] = {
            "run_id": ended.run_id,
            "passed": ended.passed,
            "state": _state(ended),
            "folder": str(ended.folder),
            "stages": [asdict(one) for one in ended.reports],
        }
        typer.echo(json.dumps(document))
        return
    for one in ended.reports:
        told = summary(one) if one.passed else one.reason
        typer.echo(f"{'ok    ' if one.passed else 'FAILED'} {one.stage:9} {one.seconds:7.1f} s  {told}")
    typer.echo(f"run {ended.run_id}: {_state(ended)}; reports in {ended.folder}")


def _state(ended: "Ended") -> str:
    if ended.passed:
        return "passed"
    last = ended.reports[-1] if ended.reports else None
    if last is not None and not last.passed:
        return f"stopped at {last.stage}"
    return f"not finished, {len(ended.reports)} stages passed"
