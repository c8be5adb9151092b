"""`signaltape init`: topics, tables, checkpoints and group offsets."""

import dataclasses
import json
from typing import Annotated

import typer


def init(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Create the topics, tables, checkpoints and group offsets that are missing. What exists is never changed."""
    from infra.settings import load_settings
    from signaltape.initialisation import initialise

    report = initialise(load_settings())
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), indent=2))
        return
    made = [
        f"{len(report.topics)} topics" if report.topics else "",
        f"{len(report.migrations)} migrations" if report.migrations else "",
        f"{report.checkpoints} checkpoints" if report.checkpoints else "",
        f"{report.offsets} group offsets" if report.offsets else "",
    ]
    typer.echo("made " + ", ".join(part for part in made if part) if any(made) else "everything is there already")
    if report.notice:
        typer.echo(report.notice, err=True)
