"""`signaltape experiments`: A/B tests of a model against the live one, by symbol."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from signaltape.cli.decided import Deadline, EffectiveFrom, bar_time, print_done

if TYPE_CHECKING:
    from pipeline.experiments.difference import Difference
    from pipeline.experiments.history import Span
    from signaltape.experiments.report import ExperimentReport, IntervalReport, SideReport

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Test a model against the live one (A/B).")
_Name = Annotated[str, typer.Argument(help="Name of the experiment; with the symbol it decides who serves it.")]
_Reason = Annotated[str, typer.Option(help="Recorded with the event.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("start")
def start(
    name: _Name,
    *,
    strategy: Annotated[str, typer.Option(help="Strategy whose live model is the control.")],
    arm: Annotated[str, typer.Option(help="NAME:VERSION of the model under test.")],
    ratio: Annotated[float, typer.Option(help="Share of the symbols that the arm serves.")] = 0.5,
    capital_arm: Annotated[
        float | None, typer.Option(help="The arm's share of the capital. [default: that of its symbols]")
    ] = None,
    capital_control: Annotated[
        float | None, typer.Option(help="The control's share of the capital. [default: the rest]")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Past model tests and stage of the arm; needs --reason.")
    ] = False,
    reason: _Reason = "",
    effective_from: EffectiveFrom = "",
    deadline_s: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Let a model serve a share of a strategy's symbols, chosen by a stable hash, from one bar on everywhere."""
    import time

    from infra.settings import load_settings
    from pipeline.deployments import ModelRef
    from signaltape.cli.references import parse_ref
    from signaltape.experiments import Terms, start_experiment

    model, version = parse_ref(arm)
    if version is None:
        raise typer.BadParameter(f"--arm {arm}: name the version, as NAME:VERSION")
    if force and not reason.strip():
        raise typer.BadParameter("--force needs --reason, which is recorded")
    begun = time.monotonic()
    terms = Terms(
        name=name, strategy=strategy, arm=ModelRef(name=model, version=version), ratio=ratio,
        arm_capital=capital_arm, control_capital=capital_control,
    )  # fmt: skip
    at = bar_time(effective_from)
    done = start_experiment(
        load_settings(), terms, effective_from=at, force=force, reason=reason, deadline_s=deadline_s
    )
    print_done(done, f"experiment {name} on {strategy}", time.monotonic() - begun, as_json=as_json)


@app.command("stop")
def stop(
    name: _Name,
    reason: _Reason = "",
    effective_from: EffectiveFrom = "",
    deadline_s: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Stop an experiment: the live model serves every symbol again. A promotion or rollback ends it too."""
    import time

    from infra.settings import load_settings
    from signaltape.experiments import stop_experiment

    begun, at = time.monotonic(), bar_time(effective_from)
    done = stop_experiment(load_settings(), name, effective_from=at, reason=reason, deadline_s=deadline_s)
    print_done(done, f"stop of experiment {name}", time.monotonic() - begun, as_json=as_json)


@app.command("list")
def list_experiments(as_json: _Json = False) -> None:
    """Show every experiment, oldest first, and how it ended."""
    from infra.settings import load_settings
    from pipeline.experiments.history import spans
    from signaltape.promotion.history import read_decisions

    found = spans(read_decisions(load_settings()).events)
    if as_json:
        typer.echo(json.dumps([_span_document(one) for one in found]))
        return
    if not found:
        typer.echo("no experiment was started yet; `signaltape experiments start` starts one")
    for one in found:
        typer.echo(f"{_head(one)}, {one.status}")


@app.command("report")
def report(
    name: _Name,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    as_json: _Json = False,
) -> None:
    """Compare the arm with the control: return, drawdown, Sharpe, hit rate, and how sure their difference is."""
    from infra.settings import load_settings
    from signaltape.experiments import report as build

    found = build(load_settings(), name, confidence=confidence)
    if as_json:
        typer.echo(json.dumps(found.document()))
        return
    for line in _lines(found):
        typer.echo(line)


def _lines(found: "ExperimentReport") -> Iterator[str]:
    yield f"{_head(found.run)}, {found.run.status}"
    for one in found.intervals:
        yield from _interval_lines(one, found.confidence)


def _interval_lines(one: "IntervalReport", confidence: float) -> Iterator[str]:
    from schemas.times import iso

    span = "no return is in yet" if one.first is None or one.last is None else f"{iso(one.first)} to {iso(one.last)}"
    yield f"{one.interval}: {span}"
    yield f"{'':16}" + "".join(f"{side.side:>20}" for side in one.sides)
    rows = [_cells(side) for side in one.sides]
    for label in rows[0]:
        yield f"  {label:14}" + "".join(f"{cells[label]:>20}" for cells in rows)
    if one.differences is None:
        yield "  arm - control: they have no bar time in common"
        return
    blocks = one.differences.blocks
    yield (
        f"  arm - control over {one.differences.times:,} bar times; {confidence:.1%} intervals from blocks of "
        f"{blocks.length} times"
    )
    for label, value, scale in (
        ("return a bar, paired", one.differences.paired, 1e4),
        ("return a bar, unpaired", one.differences.unpaired, 1e4),
        ("Sharpe a year, paired", one.differences.sharpe, one.bars_a_year**0.5),
    ):
        yield f"    {label:24}{_difference(value, scale, 'bp' if scale == 1e4 else '')}"


def _cells(side: "SideReport") -> dict[str, str]:
    from pipeline.experiments.performance import Sharpe

    sharpe = side.sharpe
    ratio = f"{sharpe.value:+.2f} ± {sharpe.error:.2f}" if isinstance(sharpe, Sharpe) else sharpe.reason
    return {
        "model": side.model,
        "position scale": f"{side.position_scale:g}",
        "symbols": f"{side.symbols:,}",
        "rows": f"{side.rows:,}",
        "long or short": f"{side.positions:,}",
        "by fallback": f"{side.fallbacks:,}",
        "return": f"{100 * side.total_return:+.3f} %",
        "max drawdown": f"{100 * side.max_drawdown:.3f} %",
        "Sharpe a year": ratio,
        "hit rate": "-" if side.hit_rate is None else f"{100 * side.hit_rate:.1f} % of {side.judged:,}",
    }


def _difference(one: "Difference", scale: float, unit: str) -> str:
    if one.value is None:
        return "undefined: a side's returns are all equal"
    value = f"{one.value * scale:+.3f} {unit}".rstrip()
    if one.low is None or one.high is None:
        return f"{value}  (too few blocks of time for an interval)"
    told = "beyond chance" if one.beyond_chance else "not told from chance"
    return f"{value}  [{one.low * scale:+.3f}, {one.high * scale:+.3f}]  {told}"


def _head(run: "Span") -> str:
    test = run.experiment
    return (
        f"{test.name} on {run.strategy}: control {run.control}, arm {test.arm} for {100 * test.ratio:g} % of the "
        f"symbols, capital {test.control_capital:g} and {test.arm_capital:g}"
    )


def _span_document(one: "Span") -> dict[str, object]:
    from schemas.times import iso

    test = one.experiment
    return {
        "experiment": test.name, "strategy": one.strategy, "status": one.status, "control": str(one.control),
        "arm": str(test.arm), "ratio": test.ratio,
        "capital": {"control": test.control_capital, "arm": test.arm_capital},
        "started_at": iso(one.started.issued_at), "ended_at": None if one.ended is None else iso(one.ended.issued_at),
        "reason": one.started.reason,
    }  # fmt: skip
