"""`signaltape pause` and `signaltape resume`: stop and restart signals; predictions go on."""

from typing import Annotated

import typer

_Strategy = Annotated[str, typer.Option(help="Strategy concerned. [default: all]")]
_Symbols = Annotated[str, typer.Option(help="Symbols concerned, comma separated. [default: all]")]
_Reason = Annotated[str, typer.Option(help="Recorded with the event.")]


def pause(reason: _Reason, strategy: _Strategy = "", symbols: _Symbols = "") -> None:
    """Stop signals from the next bar on; a notice tells the gateways."""
    _issue("pause", strategy, symbols, reason)


def resume(reason: _Reason, strategy: _Strategy = "", symbols: _Symbols = "") -> None:
    """Let signals through again from the next bar on."""
    _issue("resume", strategy, symbols, reason)


def _issue(action: str, strategy: str, symbols: str, reason: str) -> None:
    from signaltape.client import Control

    names = tuple(name.strip() for name in symbols.split(",") if name.strip())
    event = Control().issue(action, strategy=strategy, symbols=names, reason=reason)
    subject = ", ".join(names) or strategy or "everything"
    typer.echo(f"{action} of {subject} is in control (event {event.event_id}); it acts from the next bar on")
