"""`signaltape pause` and `signaltape resume`: stop and restart signals; predictions go on."""

from typing import Annotated

import typer

_Strategy = Annotated[str, typer.Option(help="Strategy concerned. [default: all]")]
_Symbols = Annotated[str, typer.Option(help="Symbols concerned, comma separated. [default: all]")]
_Reason = Annotated[str, typer.Option(help="Recorded with the event.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the event as JSON.")]


def pause(reason: _Reason, strategy: _Strategy = "", symbols: _Symbols = "", as_json: _Json = False) -> None:
    """Stop signals from the next bar on; a notice tells the gateways."""
    _issue("pause", strategy, symbols, reason, as_json=as_json)


def resume(reason: _Reason, strategy: _Strategy = "", symbols: _Symbols = "", as_json: _Json = False) -> None:
    """Let signals through again from the next bar on."""
    _issue("resume", strategy, symbols, reason, as_json=as_json)


def _issue(action: str, strategy: str, symbols: str, reason: str, *, as_json: bool) -> None:
    import json
    from dataclasses import asdict

    from signaltape.client import Control

    names = tuple(name.strip() for name in symbols.split(",") if name.strip())
    event = Control().issue(action, strategy=strategy, symbols=names, reason=reason)
    if as_json:
        typer.echo(json.dumps(asdict(event)))
        return
    subject = ", ".join(names) or strategy or "everything"
    typer.echo(f"{action} of {subject} is in control (event {event.event_id}); it acts from the next bar on")
