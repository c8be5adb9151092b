"""`signaltape models promote | rollback | archive | remove | stages`: what is decided by hand, and its record."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signaltape.cli.decided import Deadline, EffectiveFrom, bar_time
from signaltape.cli.references import parse_ref, registered, strategy_for

if TYPE_CHECKING:
    from pipeline.deployments import ModelRef
    from signaltape.promotion.swaps import Swapped

_Model = Annotated[str, typer.Argument(help="NAME or NAME:VERSION. [default: the newest version]")]
_Strategy = Annotated[str, typer.Option(help="Strategy concerned. [default: the only one]")]
_Reason = Annotated[str, typer.Option(help="Recorded with the decision.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def promote(
    model: _Model,
    *,
    strategy: _Strategy = "",
    to: Annotated[str, typer.Option(help="production or staging.")] = "production",
    effective_from: EffectiveFrom = "",
    shadow_bars: Annotated[
        int | None, typer.Option(help="Bars that it must have answered as a shadow. [default: the setting]", min=0)
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Past tests, verdict and shadow bars; needs --reason.")
    ] = False,
    reason: _Reason = "",
    deadline: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Make a model live at one bar on every partition: tested, compared with the live one, loaded everywhere."""
    from infra.settings import load_settings
    from signaltape.promotion.history import read_decisions
    from signaltape.promotion.shelf import to_staging
    from signaltape.promotion.swaps import SwapOptions
    from signaltape.promotion.swaps import promote as run

    if to not in ("production", "staging"):
        raise typer.BadParameter(f"--to {to}: give production or staging")
    if force and not reason.strip():
        raise typer.BadParameter("--force needs --reason, which is recorded")
    settings = load_settings()
    ref = registered(settings, model)
    if to == "staging":
        gates = to_staging(settings, ref, force=force, reason=reason)
        _echo({"model": str(ref), "stage": "staging", "gates": [asdict(one) for one in gates]}, as_json,
              f"{ref} is in staging: compare it, let it run as a shadow, then promote it")  # fmt: skip
        return
    strategy = strategy or strategy_for(read_decisions(settings), ref, "")
    options = SwapOptions(
        effective_from=bar_time(effective_from),
        reason=reason,
        force=force,
        shadow_bars=shadow_bars,
        deadline_s=deadline,
    )
    _tell(run(settings, ref, strategy, options), as_json)


def rollback(
    model: Annotated[str, typer.Argument(help="NAME:VERSION that was live before. [default: the predecessor]")] = "",
    *,
    strategy: _Strategy = "",
    reason: _Reason,
    effective_from: EffectiveFrom = "",
    deadline: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Go back to a model that was live before, at one bar on every partition."""
    from infra.settings import load_settings
    from signaltape.promotion.history import read_decisions
    from signaltape.promotion.swaps import SwapOptions
    from signaltape.promotion.swaps import rollback as run

    settings = load_settings()
    to = _exact(model) if model else None
    if to is not None:
        registered(settings, model)
    if not strategy:
        known = read_decisions(settings).successions
        holding = [name for name, one in known.items() if to is None or to in one.history]
        if len(holding) != 1:
            raise typer.BadParameter(f"name the strategy with --strategy; there are: {', '.join(known) or 'none'}")
        strategy = holding[0]
    options = SwapOptions(effective_from=bar_time(effective_from), reason=reason, deadline_s=deadline)
    _tell(run(settings, strategy, to, options), as_json)


def archive(model: _Model, *, reason: _Reason, as_json: _Json = False) -> None:
    """Take a version that predicts nowhere out of use; its files stay, and it can be promoted again."""
    from infra.settings import load_settings
    from signaltape.promotion.shelf import archive as run

    settings = load_settings()
    ref = registered(settings, model)
    run(settings, ref, reason)
    _echo({"model": str(ref), "stage": "archived"}, as_json, f"{ref} is archived")


def remove(
    model: Annotated[str, typer.Argument(help="NAME:VERSION")], *, reason: _Reason, as_json: _Json = False
) -> None:
    """Remove a version's files: never the live one nor its last two predecessors. Its record stays."""
    from infra.settings import load_settings
    from signaltape.promotion.shelf import remove as run

    ref = _exact(model)
    run(load_settings(), ref, reason)
    _echo({"model": str(ref), "removed": True}, as_json, f"{ref} is removed; its metrics and its history stay")


def stages(
    name: Annotated[str, typer.Argument(help="Name of a model.")],
    as_json: _Json = False,
) -> None:
    """Show who decided what about a model, and what replaced what; records that are missing are filled in first."""
    from infra.settings import load_settings
    from infra.warehouse.connection import Warehouse
    from infra.warehouse.model_stages import stages_of
    from signaltape.promotion.history import read_decisions
    from signaltape.promotion.stages import fill_in

    settings = load_settings()
    registered(settings, name)
    fill_in(settings, read_decisions(settings).events)
    with Warehouse(settings, "signaltape-stages") as warehouse:
        found = warehouse.run(lambda connection: stages_of(connection, parse_ref(name)[0]))
    if as_json:
        typer.echo(json.dumps([{**asdict(one), "ref": str(one.ref), "at": one.at.isoformat()} for one in found]))
        return
    for one in found:
        lineage = "" if not one.other else f" {'by' if one.stage == 'archived' else 'after'} {one.other}"
        forced = " FORCED" if one.forced else ""
        where = f" for {one.strategy}" if one.strategy else ""
        typer.echo(
            f"{one.at:%Y-%m-%d %H:%M:%S}  {one.ref}  {one.stage}{where}{lineage}{forced}  {one.by_whom}: {one.reason}"
        )


def _tell(done: "Swapped", as_json: bool) -> None:
    event = done.activation.event
    document = {
        "model": str(done.ref),
        "strategy": done.strategy,
        "replaced": None if done.replaced is None else str(done.replaced),
        "forced": done.forced,
        "gates": [asdict(one) for one in done.gates],
        "instances": [asdict(one) for one in done.instances],
        "event_id": event.event_id,
        "control_offset": event.control_offset,
        "effective_from": event.effective_from,
        "effective": {str(number): at for number, at in done.activation.effective.items()},
        "late": list(done.activation.late),
    }
    if as_json:
        typer.echo(json.dumps(document))
        return
    for one in done.gates:
        typer.echo(f"{'ok    ' if one.passed else 'FORCED'} {one.name}: {one.detail}")
    for ready in done.instances:
        typer.echo(f"ready  instance {ready.instance} ({ready.elapsed_ms:.0f} ms)")
    was = "" if done.replaced is None else f" in the place of {done.replaced}"
    typer.echo(f"{done.ref} is live for strategy {done.strategy}{was}, {_bar(event.effective_from)}")
    if done.activation.late:
        typer.echo(f"late on partitions {list(done.activation.late)}: they had passed that bar; see `models live-at`")


def _bar(at: int) -> str:
    from infra.warehouse.moments import to_moment

    return f"from bars after {to_moment(at - 1):%Y-%m-%d %H:%M:%S} UTC on" if at else "from the first bar on"


def _exact(text: str) -> "ModelRef":
    from pipeline.deployments import ModelRef

    name, version = parse_ref(text)
    if version is None:
        raise typer.BadParameter(f"{text!r}: give NAME:VERSION")
    return ModelRef(name=name, version=version)


def _echo(document: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(document) if as_json else text)
