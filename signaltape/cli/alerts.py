"""`signaltape alerts`: follow what the drift agent found."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def alerts() -> None:
    """Follow alerts."""


@app.command()
def tail(
    once: Annotated[bool, typer.Option("--once", help="Stop when there is nothing more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print alerts as they come, after those of the last week."""
    from signaltape.client import AlertSubscriber

    with AlertSubscriber() as subscriber:
        while True:
            found = subscriber.poll(2.0)
            for alert in found:
                text = json.dumps(asdict(alert)) if as_json else f"{alert.severity:<8} {alert.rule:<24} {alert.message}"
                typer.echo(text)
            if once and not found:
                return
