"""`signaltape models checklist`: can this model be made again, and is its record true?"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def checklist(
    model: Annotated[str, typer.Argument(help="NAME or NAME:VERSION. [default: the newest version]")],
    *,
    dataset: Annotated[
        Path | None,
        typer.Option(help="What it was made of: fingerprint and metrics are computed anew."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify source, feature version, dataset, parameters, weights and metrics; exit code 1 unless all of them hold."""
    from infra.settings import load_settings
    from signaltape.checklist import State, check_model
    from signaltape.cli.references import registered
    from signaltape.datasets import open_dataset

    settings = load_settings()
    items = check_model(settings, registered(settings, model), None if dataset is None else open_dataset(dataset))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in items]))
    else:
        for one in items:
            typer.echo(f"{one.state:10}  {one.name:20} {one.detail}")
    if any(one.state is not State.VERIFIED for one in items):
        raise typer.Exit(1)
