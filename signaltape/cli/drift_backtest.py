"""`signaltape drift backtest-policy`: what a policy says while nothing is wrong, and how soon once something is."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.drift.policies.finding import Policy
    from signaltape.drift.backtest import Plan

#: Years that one simulated model lives, at most.
YEARS_A_MODEL = 8


def backtest_policy(
    policy: Annotated[list[str], typer.Option(help="calibrated, classic or a TOML file; may be given several times.")],
    years: Annotated[int, typer.Option(min=1, help="Model-years to simulate, up to eight a model.")] = 100,
    names: Annotated[int, typer.Option(min=40, help="Names that each model predicts.")] = 500,
    variant: Annotated[str, typer.Option(help="plain, market, gaps, blocks, overlap or everything.")] = "market",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 11,
    faults: Annotated[str, typer.Option(help="Comma-separated, NAME or NAME:FEATURE; 'all', or '' for none.")] = "all",
    scale_to_budget: Annotated[
        bool, typer.Option("--scale-to-budget", help="Also classic policies with one false alarm a year.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    history: Annotated[
        bool, typer.Option("--history", help="Replay stored metrics instead; needs --strategy.")
    ] = False,
    strategy: Annotated[str, typer.Option(help="Strategy whose stored metrics are replayed.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for backtest.json and backtest.svg.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay policies over simulated healthy and broken models, or over stored history: false alarms and delays."""
    from infra.drift_policies import load_policy
    from signaltape.drift import backtest
    from signaltape.drift.rendering import plot, text

    if history != bool(strategy):
        raise typer.BadParameter("--history and --strategy belong together")
    policies = [load_policy(one) for one in policy]
    if history:
        _replay_history(strategy, policies, as_json)
        return
    plan = _plan(policies, years, names, variant, seed, faults)
    if scale_to_budget:
        plan = backtest.with_scaled(plan)
    summaries = backtest.run(plan, workers=workers, progress=lambda line: typer.echo(line, err=True))
    document = json.dumps(backtest.document(plan, summaries), allow_nan=False)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "backtest.json").write_text(document, "utf-8")
        if plan.faults:
            (out / "backtest.svg").write_text(plot(summaries), "utf-8")
    typer.echo(document if as_json else "\n".join(text(summaries)))


def _plan(policies: "list[Policy]", years: int, names: int, variant: str, seed: int, faults: str) -> "Plan":
    from pipeline.drift.policies.calibrated import CalibratedPolicy
    from pipeline.drift.simulation.faults import FAULTS, parse_fault
    from pipeline.drift.simulation.scenario import VARIANTS, sized
    from pipeline.drift.simulation.trial import A_YEAR
    from signaltape.drift.backtest import Plan

    if variant not in VARIANTS:
        raise typer.BadParameter(f"--variant {variant}: expected one of {', '.join(VARIANTS)}")
    struck = tuple(FAULTS) if faults == "all" else tuple(one for one in faults.split(",") if one)
    lives = min(years, YEARS_A_MODEL)
    try:
        for one in struck:
            parse_fault(one)
        lean = all(isinstance(one, CalibratedPolicy) for one in policies)
        scenario = sized(variant, names=names, sessions=lives * A_YEAR, lean=lean)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    models = -(-years // lives)
    return Plan(scenario=scenario, models=models, seed=seed, policies=tuple(policies), faults=struck)


def _replay_history(strategy: str, policies: "list[Policy]", as_json: bool) -> None:
    from dataclasses import asdict

    from infra.settings import load_settings
    from signaltape.drift.rendering import history_text
    from signaltape.drift.stored import replay_history

    found = replay_history(load_settings(), strategy, policies)
    if as_json:
        typer.echo(json.dumps({"strategy": strategy, "series": [asdict(one) for one in found]}))
    else:
        typer.echo("\n".join(history_text(found)))
