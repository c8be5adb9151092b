"""What commands that decide something have in common: the bar time asked for, and what came of it."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from signaltape.rollout import Activation

EffectiveFrom = Annotated[
    str, typer.Option(help="Bar time from which it acts: ISO-8601 with zone, or int ns. [default: next]")
]
Deadline = Annotated[float, typer.Option(help="Seconds until every partition must have received it.")]


def bar_time(text: str, option: str = "--effective-from") -> int:
    """Return a bar time in ns UTC, 0 for an empty text. Raises BadParameter."""
    from producers.timestamps import parse_time

    try:
        return parse_time(text) if text else 0
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def print_done(done: "Activation", what: str, took_s: float, *, as_json: bool) -> None:
    """Print what every partition has received, and from when it acts."""
    if as_json:
        document = {"event": asdict(done.event), "effective": done.effective, "late": done.late}
        typer.echo(json.dumps(document | {"took_s": round(took_s, 3)}))
        return
    typer.echo(f"{what}: received by all {len(done.effective)} partitions in {took_s:.2f} s, {_when(done)}")


def _when(done: "Activation") -> str:
    from schemas.times import iso

    if done.late:
        first, last = min(done.effective.values()), max(done.effective.values())
        return f"too late for one bar everywhere: it acts from {iso(first)} to {iso(last)}, by partition"
    start = done.event.effective_from
    return f"in force for bars that close from {iso(start)} on" if start else "in force from the first bar on"
