"""`signaltape alerts`: follow what the drift agent found."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.alerts import Alert

app = typer.Typer(no_args_is_help=True)


@app.callback()
def alerts() -> None:
    """Follow alerts."""


@app.command()
def tail(
    start: Annotated[str, typer.Option(help="recent (a week), beginning or end.")] = "recent",
    once: Annotated[bool, typer.Option("--once", help="Stop when there is nothing more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print alerts as they come, after those of the last week, each once."""
    from signaltape.client import AlertSubscriber

    with AlertSubscriber(start=start) as subscriber:
        while not (once and subscriber.caught_up):
            for alert in subscriber.poll(1.0):
                typer.echo(json.dumps(asdict(alert)) if as_json else _line(alert))


def _line(alert: "Alert") -> str:
    time = datetime.fromtimestamp(alert.event_time // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    action = f" → {alert.suggested_action}" if alert.suggested_action else ""
    return f"{time}  {alert.severity:<8} {alert.rule:<24} {alert.strategy} {alert.subject}: {alert.message}{action}"
