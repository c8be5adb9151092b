"""`signaltape pause | resume | parameters set`: decisions that act from the next bar on, seen to arrive."""

from typing import Annotated, Any

import typer

from signaltape.cli.decided import Deadline, EffectiveFrom, bar_time, print_done

app = typer.Typer(no_args_is_help=True, add_completion=False)
_Strategy = Annotated[str, typer.Option(help="Strategy concerned. [default: all]")]
_Symbols = Annotated[str, typer.Option(help="Symbols concerned, comma separated. [default: all]")]
_Reason = Annotated[str, typer.Option(help="Recorded with the event.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def parameters() -> None:
    """Change thresholds, windows, symbol lists."""


def pause(
    reason: _Reason,
    strategy: _Strategy = "",
    symbols: _Symbols = "",
    effective_from: EffectiveFrom = "",
    deadline_s: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Stop signals from the next bar on; predictions go on, and a notice tells the gateways."""
    fields = {"strategy": strategy, "symbols": _names(symbols), "reason": reason}
    _issue("pause", fields, effective_from, deadline_s, as_json=as_json)


def resume(
    reason: _Reason,
    strategy: _Strategy = "",
    symbols: _Symbols = "",
    effective_from: EffectiveFrom = "",
    deadline_s: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Let signals through again from the next bar on."""
    fields = {"strategy": strategy, "symbols": _names(symbols), "reason": reason}
    _issue("resume", fields, effective_from, deadline_s, as_json=as_json)


@app.command("set")
def set_parameters(
    values: Annotated[list[str], typer.Argument(help="NAME=VALUE …; lists comma separated, empty for none.")],
    reason: _Reason,
    strategy: Annotated[str, typer.Option(help="Strategy concerned. [default: the router, for all]")] = "",
    effective_from: EffectiveFrom = "",
    deadline_s: Deadline = 30.0,
    as_json: _Json = False,
) -> None:
    """Set parameters from a bar on: long, short, min_confidence, symbols, blocked_symbols, directions,
    filter_confidence; without a strategy also dedup_window_s, emit.
    """
    from signaltape.rollout.parameters import parse

    fields = {"strategy": strategy, "parameters": parse(values), "reason": reason}
    _issue("parameters", fields, effective_from, deadline_s, as_json=as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _issue(action: str, fields: dict[str, Any], effective_from: str, deadline_s: float, *, as_json: bool) -> None:
    import time

    from infra.settings import load_settings
    from signaltape.client.control import new_event
    from signaltape.rollout import issue_and_wait
    from signaltape.rollout.strategies import require_known

    begun, settings = time.monotonic(), load_settings()
    event = new_event(action, effective_from=bar_time(effective_from), **fields)
    require_known(settings, event.strategy)
    done = issue_and_wait(settings, event, deadline_s=deadline_s)
    subject = ", ".join(event.symbols) or event.strategy or "everything"
    print_done(done, f"{action} of {subject}", time.monotonic() - begun, as_json=as_json)
