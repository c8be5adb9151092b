"""`signaltape guard`: automatic steps on alerts: what they are, forbidding them, rehearsing them, undoing them."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signaltape.cli.decided import Deadline, EffectiveFrom, bar_time, print_done
from signaltape.cli.guard_text import row_document, row_line, status_document, status_lines

if TYPE_CHECKING:
    from pipeline.guard.decision import Refusal, Step
    from pipeline.guard.drill import Rehearsal

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Automatic steps on alerts.")
_Strategy = Annotated[str, typer.Argument(help="Strategy concerned.")]
_Reason = Annotated[str, typer.Option(help="Recorded.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("status")
def show_status(as_json: _Json = False) -> None:
    """Show mode and limits, and for each strategy what is in force and what the next severe alert would lead to."""
    from infra.settings import load_settings
    from signaltape.guarding import status

    settings = load_settings()
    found = status(settings)
    if as_json:
        guard = settings.guard.model_dump(mode="json")
        typer.echo(json.dumps({"guard": guard, "strategies": [status_document(one) for one in found]}))
        return
    own = settings.guard
    typer.echo(f"mode {own.mode}; alerts from {own.severity} on; ladder {' > '.join(own.ladder)}; "
               f"{own.steps_per_session} step a session, {own.cooldown_sessions} sessions of cool-down, anew after "
               f"{own.reset_sessions} quiet ones")  # fmt: skip
    for one in found:
        for line in status_lines(one):
            typer.echo(line)
    if not found:
        typer.echo("no strategy has a model yet")


@app.command("steps")
def list_steps(
    strategy: Annotated[str, typer.Option(help="Only of this strategy.")] = "",
    drills: Annotated[bool, typer.Option("--drills/--no-drills", help="Drills too.")] = True,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at the most.")] = 50,
    as_json: _Json = False,
) -> None:
    """Show what was decided about severe alerts, newest first: steps, and why there was none."""
    from infra.settings import load_settings
    from infra.warehouse import Warehouse
    from infra.warehouse.guard import steps

    settings, drill = load_settings(), None if drills else ""
    with Warehouse(settings, "signaltape-guard") as warehouse:
        rows = warehouse.run(
            lambda one: steps(one, settings.topics.prefix, strategy=strategy, drill=drill, limit=limit)
        )
    if as_json:
        typer.echo(json.dumps([row_document(row) for row in rows]))
        return
    for row in rows:
        typer.echo(row_line(row))
    if not rows:
        typer.echo("nothing was decided yet")


@app.command("veto")
def say_veto(
    strategy: _Strategy,
    reason: _Reason,
    until: Annotated[str, typer.Option(help="ISO-8601 with zone, or ns. [default: until it is lifted]")] = "",
    as_json: _Json = False,
) -> None:
    """Forbid automatic steps of a strategy."""
    import time

    from infra.settings import load_settings
    from schemas.times import iso
    from signaltape.guarding import veto

    end = bar_time(until, "--until") or None
    if end is not None and end <= time.time_ns():
        raise typer.BadParameter(f"--until {until}: that is over already")
    said = veto(load_settings(), strategy, reason, end)
    if as_json:
        typer.echo(json.dumps(asdict(said)))
        return
    typer.echo(f"{strategy}: no automatic step {'until this is lifted' if end is None else f'until {iso(end)}'}")


@app.command("unveto")
def lift_veto(strategy: _Strategy, reason: _Reason, as_json: _Json = False) -> None:
    """Allow automatic steps of a strategy again."""
    from infra.settings import load_settings
    from signaltape.guarding import unveto

    unveto(load_settings(), strategy, reason)
    typer.echo(json.dumps({"strategy": strategy, "veto": None}) if as_json else f"{strategy}: the veto is lifted")


@app.command("restore")
def restore(
    strategy: _Strategy,
    reason: _Reason,
    scale: Annotated[float, typer.Option(min=0.0, help="Position scale from now on.")] = 1.0,
    effective_from: EffectiveFrom = "",
    deadline_s: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Set the position scale of a strategy, after a derisk say; `signaltape resume` ends a pause."""
    import time

    from infra.settings import load_settings
    from signaltape.client.control import new_event
    from signaltape.rollout import issue_and_wait
    from signaltape.rollout.strategies import require_known

    begun, settings, at = time.monotonic(), load_settings(), bar_time(effective_from)
    require_known(settings, strategy)
    event = new_event(
        "position_scale", strategy=strategy, parameters={"scale": scale}, effective_from=at, reason=reason
    )
    done = issue_and_wait(settings, event, deadline_s=deadline_s)
    print_done(done, f"position_scale {scale:g} of {strategy}", time.monotonic() - begun, as_json=as_json)


@app.command("drill")
def drill(
    strategy: Annotated[str, typer.Option(help="Strategy concerned.")],
    act: Annotated[bool, typer.Option("--act", help="Through the real topic and the running responder.")] = False,
    deadline_s: Annotated[float, typer.Option(min=0.1, help="Seconds for each answer of the responder.")] = 30.0,
    as_json: _Json = False,
) -> None:
    """Run the chain of steps on a simulated fault. Without --act it is only told, and nothing is touched.

    With --act, alerts marked as a drill take the real way; the responder's own guard.mode decides what its steps are.
    """
    from infra.settings import load_settings
    from signaltape.guarding import drill_for_real, rehearsal

    settings = load_settings()
    if not act:
        told = rehearsal(settings, strategy)
        if as_json:
            typer.echo(json.dumps([_told(one) for one in told]))
            return
        typer.echo(f"rehearsal on {strategy}: nothing is touched; one alert each time the cool-down is over")
        for number, one in enumerate(told, 1):
            typer.echo(f"alert {number} (session +{one.alert.session - told[0].alert.session}): {_words(one.answer)}")
        return
    documents = []
    for step in drill_for_real(settings, strategy, deadline_s=deadline_s):
        documents.append(row_document(step.row))
        if not as_json:
            typer.echo(f"alert {step.number + 1}: {row_line(step.row)}")
    if as_json:
        typer.echo(json.dumps(documents))


def _told(one: "Rehearsal") -> dict[str, Any]:
    answer: dict[str, Any] = asdict(one.answer)
    event = None if one.event is None else asdict(one.event)
    return {"alert_id": one.alert.alert_id, "session": one.alert.session, "answer": answer, "event": event}


def _words(answer: "Step | Refusal") -> str:
    from pipeline.guard.decision import Step

    passed = "".join(f"\n    not {rung}: {why}" for rung, why in answer.passed_over)
    if isinstance(answer, Step):
        return f"{answer.effect.rung}: {answer.effect.words}{passed}"
    return f"no step ({answer.code}){passed}" if passed else f"no step ({answer.code}): {answer.reason}"
