"""`signaltape signals`: follow what the gateways see."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def signals() -> None:
    """Follow signals."""


@app.command()
def tail(
    start: Annotated[str, typer.Option(help="current, recent, beginning or end.")] = "current",
    once: Annotated[bool, typer.Option("--once", help="Stop when there is nothing more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print signals as they come, after the current state."""
    from schemas.signals import Signal
    from signaltape.client import Gap, SignalSubscriber

    with SignalSubscriber(start=start) as subscriber:
        while True:
            updates = subscriber.poll(2.0)
            for update in updates:
                if as_json:
                    body = asdict(update) | (
                        {"kind": "gap"} if isinstance(update, Gap) else {"kind": update.message.TYPE}
                    )
                    typer.echo(json.dumps(body))
                elif isinstance(update, Gap):
                    typer.echo(
                        f"GAP on partition {update.partition}: {update.expected} … {update.found - 1} are missing"
                    )
                elif isinstance(update.message, Signal):
                    typer.echo(_line(update.message, update.current))
            if once and not updates and subscriber.caught_up:
                return


def _line(signal: object, current: bool) -> str:
    from schemas.signals import Signal

    assert isinstance(signal, Signal)
    time = datetime.fromtimestamp(signal.timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S")
    mark = "·" if current else " "
    return (
        f"{mark} {time}  {signal.symbol:<8} {signal.signal:<5} score {signal.score:+.5f}  "
        f"confidence {signal.confidence:.2f}  at {signal.reference_price:.4f}  {signal.model}:{signal.model_version}"
    )
