"""`signaltape models shadow` and `shadow-report`: models that predict beside the live one and make no signals."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from signaltape.cli.decided import Deadline, EffectiveFrom, bar_time, print_done

if TYPE_CHECKING:
    from infra.warehouse.shadow_report import ShadowLine

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def shadow(
    model: Annotated[str, typer.Argument(help="NAME:VERSION; with --stop, NAME alone stops all of its versions.")],
    strategy: Annotated[str, typer.Option(help="Strategy beside whose live model it predicts.")],
    stop: Annotated[bool, typer.Option("--stop", help="Stop it.")] = False,
    reason: Annotated[str, typer.Option(help="Recorded with the event.")] = "",
    effective_from: EffectiveFrom = "",
    deadline_s: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Let a model predict beside the live one, without signals; any number of them at once."""
    import time

    from infra.settings import load_settings
    from pipeline.deployments import ModelRef
    from signaltape.cli.references import parse_ref
    from signaltape.shadowing import start_shadow, stop_shadow

    name, version = parse_ref(model)
    if version is None and not stop:
        raise typer.BadParameter(f"{model!r}: name the version that is to shadow, as NAME:VERSION")
    begun, settings, at = time.monotonic(), load_settings(), bar_time(effective_from)
    if stop or version is None:
        done = stop_shadow(settings, strategy, name, version, effective_from=at, reason=reason, deadline_s=deadline_s)
    else:
        ref = ModelRef(name=name, version=version)
        done = start_shadow(settings, strategy, ref, effective_from=at, reason=reason, deadline_s=deadline_s)
    which = f"{name}:{version}" if version is not None else f"every version of {name}"
    what = f"{done.event.action} of {which} on {strategy}"
    print_done(done, what, time.monotonic() - begun, as_json=as_json)


def shadow_report(
    strategy: Annotated[str, typer.Option(help="Strategy whose shadows are compared.")],
    start: Annotated[str, typer.Option("--from", help="Bars that close after this time (with zone).")] = "",
    end: Annotated[str, typer.Option("--to", help="Bars that close at or before this time.")] = "",
    tolerance: Annotated[
        float | None, typer.Option(min=0.0, help="Scores further apart differ. [default: inference.shadow_tolerance]")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Compare each shadow's scores and would-be directions with the live model's, row by row, from the store."""
    from infra.errors import OperatorError
    from infra.settings import load_settings
    from infra.warehouse import connect
    from infra.warehouse.shadow_report import shadow_report as report

    after, until = bar_time(start, "--from") or None, bar_time(end, "--to") or None
    if after is not None and until is not None and after >= until:
        raise typer.BadParameter(f"--from {start} is not before --to {end}")
    settings = load_settings()
    apart = settings.inference.shadow_tolerance if tolerance is None else tolerance
    with connect(settings) as connection:
        lines = report(connection, strategy, after=after, until=until, tolerance=apart)
    if not lines:
        raise OperatorError(
            f"no model shadowed strategy {strategy!r} in this span of time; `signaltape models shadow` lets one"
        )
    if as_json:
        typer.echo(json.dumps({"strategy": strategy, "tolerance": apart, "shadows": [_document(one) for one in lines]}))
        return
    for line in lines:
        typer.echo("\n".join(_text(line, apart)))


def _document(line: "ShadowLine") -> dict[str, object]:
    times = {"first": line.first.isoformat(), "last": line.last.isoformat()}
    rates = {"score_rate": line.score_rate, "direction_rate": line.direction_rate, "complete": line.complete}
    return asdict(line) | times | rates


def _text(line: "ShadowLine", tolerance: float) -> list[str]:
    span = f"{line.first:%Y-%m-%d %H:%M} to {line.last:%Y-%m-%d %H:%M}"
    counts = f"served {line.live_rows:,}, shadow answered {line.shadow_answered:,}, compared {line.compared:,}"
    out = [
        f"{line.shadow} on {line.interval}: {line.bars:,} bars, {span}",
        f"  rows        {counts}{'' if line.complete else '  COUNTS DIFFER'}",
    ]
    if not line.compared:
        return [*out, "  nothing to compare: no row was answered on both sides"]
    linked = "undefined (a side is constant)" if line.correlation is None else f"{line.correlation:+.4f}"
    apart = f"mean difference {line.mean_difference:.3g}, largest {line.max_difference:.3g}, correlation {linked}"
    other = f"({line.direction_differs:,}), {line.direction_opposite:,} of them long against short"
    return [
        *out,
        f"  scores      {_percent(line.score_rate)} differ by more than {tolerance:g}; {apart}",
        f"  directions  {_percent(line.direction_rate)} differ {other}",
    ]


def _percent(rate: float | None) -> str:
    return "none" if rate is None else f"{100 * rate:.2f} %"
