"""`signaltape signals`: follow what the gateways see."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.signals import Notice, Signal
    from signaltape.client import Gap, Update

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
    """Print signals and notices as they come, after the current state (marked ·)."""
    from signaltape.client import SignalSubscriber

    with SignalSubscriber(start=start) as subscriber:
        while not (once and subscriber.caught_up):
            for update in subscriber.poll(1.0):
                line = _json(update) if as_json else _text(update)
                if line:
                    typer.echo(line)


def _json(update: "Update | Gap") -> str:
    from signaltape.client import Gap

    kind = "gap" if isinstance(update, Gap) else update.message.TYPE
    return json.dumps({"kind": kind, **asdict(update)})


def _text(update: "Update | Gap") -> str:
    """One line; nothing for a heartbeat."""
    from schemas.signals import Notice, Signal
    from signaltape.client import Gap

    if isinstance(update, Gap):
        return f"GAP  {update}"
    if isinstance(update.message, Signal):
        return signal_line(update.message, update.current)
    return _notice_line(update.message) if isinstance(update.message, Notice) else ""


def signal_line(signal: "Signal", current: bool = False) -> str:
    """A signal as a line."""
    mark = "·" if current else " "
    fallback = "" if signal.reason == "live" else f"  ({signal.reason})"
    return (
        f"{mark} {_time(signal.event_time)}  {signal.symbol:<8} {signal.signal:<5} score {signal.score:+.5f}  "
        f"confidence {signal.confidence:.2f}  at {signal.reference_price:.4f}  {signal.model}:{signal.model_version}"
        f"{fallback}"
    )


def _notice_line(notice: "Notice") -> str:
    subject = ", ".join(notice.symbols) or notice.strategy or "everything"
    detail = f": {notice.detail}" if notice.detail else ""
    return f"! {_time(notice.event_time)}  {notice.kind} {subject} on partition {notice.partition}{detail}"


def _time(event_time: int) -> str:
    return datetime.fromtimestamp(event_time // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
