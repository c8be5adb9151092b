"""`signaltape retrain`, `retrain list | show`: one cycle of the retraining orchestrator, and the record of all."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from infra.warehouse.retraining import Cycle

app = typer.Typer(add_completion=False, help="Make a model anew if monitoring says so.")
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Strategy = Annotated[str, typer.Option(help="Strategy concerned. [default: each with a live model]")]
_FAILED = ("failed", "abandoned")


@app.callback(invoke_without_command=True)
def retrain(
    context: typer.Context,
    *,
    strategy: _Strategy = "",
    force: Annotated[bool, typer.Option("--force", help="Make a model whatever the triggers say.")] = False,
    reason: Annotated[str, typer.Option(help="Why it is forced; recorded.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the triggers say; do and record nothing.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Run one cycle: look at the triggers, and if one fires make, compare and propose a model.

    Triggers: 3 drifted features, an IC that has fallen below the model's own, a severe alert. Every cycle leaves a
    record. Exit code 1 if a cycle failed; the live model is then as it was.
    """
    if context.invoked_subcommand is not None:
        return
    from infra.settings import load_settings
    from signaltape.retraining import run_cycles
    from signaltape.retraining.cycle import looks

    if force and not reason.strip():
        raise typer.BadParameter("--force needs --reason, which is recorded")
    if reason and not force:
        raise typer.BadParameter("--reason belongs to --force")
    settings = load_settings()
    if dry_run:
        _tell_looks([one.document() for one in looks(settings, strategy, reason)], as_json)
        return
    found = run_cycles(settings, strategy, forced=reason, say=lambda text: typer.echo(text, err=True))
    if as_json:
        typer.echo(json.dumps([one.document() for one in found]))
    else:
        for one in found:
            typer.echo(_line(one))
    if any(one.status in _FAILED for one in found):
        raise typer.Exit(1)


@app.command("list")
def list_cycles(
    *,
    strategy: _Strategy = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest ones.")] = 50,
    as_json: _Json = False,
) -> None:
    """List cycles, newest first, those in which nothing fired included."""
    found = _cycles(strategy=strategy, limit=limit)
    if as_json:
        typer.echo(json.dumps([one.document() for one in found]))
        return
    for one in found:
        typer.echo(_line(one))


@app.command("show")
def show(cycle_id: Annotated[str, typer.Argument(help="As `retrain list` names it.")], as_json: _Json = False) -> None:
    """Show one cycle: every trigger with its evidence, the stages, and what came of it."""
    found = _cycles(cycle_id=cycle_id)
    if not found:
        raise typer.BadParameter(f"there is no cycle {cycle_id!r}; see `signaltape retrain list`")
    one = found[0]
    if as_json:
        typer.echo(json.dumps(one.document()))
        return
    typer.echo(_line(one))
    for line in _lines(one):
        typer.echo(f"  {line}")


def _cycles(*, strategy: str = "", cycle_id: str = "", limit: int = 1) -> "list[Cycle]":
    from infra.settings import load_settings
    from infra.warehouse.connection import Warehouse
    from infra.warehouse.retraining import cycles

    with Warehouse(load_settings(), "signaltape-retraining") as warehouse:
        return warehouse.run(lambda connection: cycles(connection, strategy=strategy, cycle_id=cycle_id, limit=limit))


def _line(one: "Cycle") -> str:
    live = f" ({one.champion} live)" if one.champion else ""
    return f"{one.started_at:%Y-%m-%d %H:%M:%S}  {one.cycle_id}  {one.status:9}{live}  {one.outcome or one.reason}"


def _lines(one: "Cycle") -> list[str]:
    ended = "not finished" if one.finished_at is None else f"{(one.finished_at - one.started_at).total_seconds():.1f} s"
    lines = [f"why        {one.reason}"]
    lines += [f"{mark['verdict']:10} {mark['name']}: {mark['detail']}" for mark in one.triggers]
    if one.stage:
        lines.append(f"stage      {one.stage}, the last that began")
    lines += [f"{name:10} {_short(value)}" for name, value in sorted(one.detail.items())]
    return [*lines, f"outcome    {one.outcome or 'none'}", f"by         {one.by_whom} in {one.worker}, {ended}"]


def _short(value: Any) -> str:
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if not isinstance(one, dict | list)}
        return ", ".join(f"{name} {one}" for name, one in kept.items())
    return str(value)


def _tell_looks(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    if not found:
        typer.echo("no strategy has a live model: nothing to retrain")
    for one in found:
        typer.echo(f"{one['strategy']} ({one['live']} live): would be {one['action']}: {one['reason']}")
        for mark in one["triggers"]:
            typer.echo(f"  {mark['verdict']:12} {mark['name']}: {mark['detail']}")
