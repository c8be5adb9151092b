"""`signaltape models live-at`: which model was live at a bar time."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signaltape.cli.decided import bar_time

if TYPE_CHECKING:
    from pipeline.deployments import ModelRef, Strategy
    from signaltape.promotion.live_at import PartitionAnswer


def live_at(
    time: Annotated[str, typer.Argument(help="Bar time: ISO-8601 with zone, or ns.")],
    *,
    symbols: Annotated[str, typer.Option("--symbol", help="Symbols, comma separated. [default: by partition]")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which model was live at a bar time, for each symbol: from the log of decisions and where each took effect."""
    from infra.settings import load_settings
    from signaltape.promotion.live_at import live_at as run
    from signaltape.promotion.live_at import of_symbol

    answers = run(load_settings(), bar_time(time, "TIME"))
    names = [name.strip() for name in symbols.split(",") if name.strip()]
    asked: list[tuple[str, PartitionAnswer, tuple[str, ...]]] = [
        (name, of_symbol(answers, name), (name,)) for name in names
    ] or [(f"partition {one.partition}", one, ()) for one in answers]
    if as_json:
        typer.echo(json.dumps([_answer(label, one, of) for label, one, of in asked]))
        return
    for label, one, of in asked:
        told = "; ".join(_words(strategy, of) for strategy in one.strategies) or "no model"
        note = f"  (control events {list(one.waiting)} were not seen to act here yet)" if one.waiting else ""
        typer.echo(f"{label:14} {told}{note}")


def _answer(label: str, one: "PartitionAnswer", names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "of": label,
        "partition": one.partition,
        "final": not one.waiting,
        "waiting": list(one.waiting),
        "strategies": {
            strategy.name: {
                "live": None if strategy.live is None else str(strategy.live),
                "serves": [str(ref) for ref in _serving(strategy, names)],
                "shadows": [str(ref) for ref in strategy.shadows],
                "experiment": None if strategy.experiment is None else strategy.experiment.name,
            }
            for strategy in one.strategies
        },
    }


def _serving(strategy: "Strategy", names: tuple[str, ...]) -> "list[ModelRef]":
    """Who answers these symbols (live model, or an experiment's arm); without symbols all who serve any."""
    if not names:
        return list(strategy.serving)
    return [share.ref for share in strategy.shares(names) if share.rows is None or share.rows.any()]


def _words(strategy: "Strategy", names: tuple[str, ...]) -> str:
    told = f"{strategy.name}: {' and '.join(map(str, _serving(strategy, names))) or 'no model'}"
    if strategy.experiment is not None:
        told += f" (experiment {strategy.experiment.name})"
    return told + (f", shadows {', '.join(map(str, strategy.shadows))}" if strategy.shadows else "")
