"""`signaltape models compare | best`: is the one model better than the other?"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.settings import Settings
    from pipeline.deployments import ModelRef
    from signaltape.comparison import Compared, Material

_With = Annotated[str, typer.Option("--with", help="Champion, NAME:VERSION. [default: what is live]")]
_Strategy = Annotated[str, typer.Option(help="Compare with this strategy's live model.")]
_Dataset = Annotated[Path | None, typer.Option(help="Let both score the rows of this dataset.")]
_Live = Annotated[bool, typer.Option("--live", help="Take the stored bars that both answered, one as a shadow.")]


def compare(
    model: Annotated[str, typer.Argument(help="Challenger: NAME or NAME:VERSION. [default: the newest version]")],
    *,
    champion: _With = "",
    strategy: _Strategy = "",
    dataset: _Dataset = None,
    live: _Live = False,
    interval: Annotated[str, typer.Option(help="With --live: the bars' interval. [default: the only one]")] = "",
    start: Annotated[
        str,
        typer.Option("--from", help="Bars from this time on: you vouch that no model was made with them."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a model with the live one on the same rows: promote, review or reject, recorded with its reasons."""
    from infra.settings import load_settings
    from signaltape.cli.decided import bar_time
    from signaltape.cli.references import registered, strategy_for
    from signaltape.comparison import compare_models, nothing_live
    from signaltape.promotion.history import read_decisions

    if (dataset is not None) == live:
        raise typer.BadParameter("give --dataset with a folder, or --live")
    if champion and strategy:
        raise typer.BadParameter("give --with or --strategy, not both")
    settings = load_settings()
    challenger = registered(settings, model)
    if champion:
        old: ModelRef | None = registered(settings, champion)
    else:
        decisions = read_decisions(settings)
        strategy = strategy_for(decisions, challenger, strategy)
        old = decisions.of(strategy).live
    if old is None:
        found = nothing_live(settings, challenger, strategy)
    elif old == challenger:
        raise typer.BadParameter(f"{challenger} is the champion itself: there is nothing to compare")
    else:
        material = _material(settings, (challenger, old), dataset, interval, bar_time(start, "--from") or None)
        found = compare_models(settings, challenger, old, material, strategy)
    if as_json:
        typer.echo(json.dumps(found.document()))
        return
    for line in lines(found):
        typer.echo(line)


def best(
    *,
    strategy_type: Annotated[str, typer.Option(help="Kind of strategy, as the manifests name it.")] = "",
    metric: Annotated[str, typer.Option(help="Metric, as `models show` lists it.")] = "rank_ic",
    dataset: Annotated[str, typer.Option(help="train, validation, test, backtest or live.")] = "test",
    lower_is_better: Annotated[bool, typer.Option("--lower-is-better", help="Of an error, the smallest.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Name the best version of a strategy type by one metric; that is no verdict (`models compare`)."""
    from infra.scoring.registry import ModelRegistry
    from infra.settings import load_settings

    found, value = ModelRegistry(load_settings()).get_best_model(
        strategy_type, metric, dataset, higher_is_better=not lower_is_better
    )
    ref = str(found.manifest.ref)
    document = {"model": ref, "metric": metric, "dataset": dataset, "value": value}
    typer.echo(json.dumps(document) if as_json else f"{ref}  {metric} on {dataset} {value:+.5f}")


def lines(found: "Compared") -> Iterator[str]:
    """A comparison for people: a table of metrics, then the verdict with its reasons."""
    verdict, paired = found.verdict, found.paired
    if paired is not None:
        yield (
            f"{found.challenger} against {found.champion} on {paired.rows:,} rows at {paired.blocks.times:,} times "
            f"({found.source}); {paired.confidence:.0%} intervals from blocks of {paired.blocks.length} times"
        )
        yield f"{'':24}{'champion':>12}{'challenger':>12}{'difference':>12}{'':>10}   interval"
        for one in paired.differences:
            share = "" if one.percent is None else f"{one.percent:+.1f} %"
            bounds = "too few blocks" if one.low is None else f"[{one.low:+.5f}, {one.high:+.5f}]  {one.outcome}"
            yield (
                f"  {one.metric:22}{one.champion:>+12.5f}{one.challenger:>+12.5f}{one.difference:>+12.5f}{share:>10}"
                f"   {bounds}"
            )
        yield (
            f"better in {verdict.improvements}, worse in {verdict.regressions} metrics; beyond chance better in "
            f"{verdict.certain_improvements}, worse in {verdict.certain_regressions}"
        )
    yield f"verdict: {verdict.decision}"
    for reason in verdict.reasons:
        yield f"  {reason}"


def _material(
    settings: "Settings",
    pair: "tuple[ModelRef, ModelRef]",
    dataset: Path | None,
    interval: str,
    start: int | None,
) -> "Material":
    from infra.scoring.registry import ModelRegistry
    from signaltape.comparison import of_dataset, of_live
    from signaltape.datasets import open_dataset

    if dataset is None:
        return of_live(settings, *pair, interval, start)
    return of_dataset(ModelRegistry(settings), open_dataset(dataset), *pair, start)
