"""Signals and notices as rows of the tape: short, because five thousand of them may come at one instant."""

from typing import Any

from pipeline.routing.position import suggested_position_of
from schemas.signals import Notice, Signal

#: What a row holds, in order. ``n``: its place among those that came while the server runs; 0 out of the store.
COLUMNS = (
    "n", "id", "symbol", "interval", "signal", "score", "confidence", "price", "time", "strategy", "models", "horizon",
    "scale", "position", "expires", "reason",
)  # fmt: skip


def signal_row(n: int, one: Signal) -> tuple[Any, ...]:
    """The row of a signal; times are ns UTC, ``position`` a share of the capital in [-1, 1]."""
    return (
        n,
        one.signal_id,
        one.symbol,
        one.interval,
        one.signal,
        one.score,
        one.confidence,
        one.reference_price,
        one.event_time,
        one.strategy,
        ", ".join(dict.fromkeys((f"{one.model}:{one.model_version}", *one.models))),  # who leads stands first
        one.horizon,
        one.position_scale,
        suggested_position_of(one.signal, one.confidence, one.position_scale),
        one.expires_at,
        one.reason,
    )


def notice_row(n: int, one: Notice) -> dict[str, Any]:
    """A notice; of many symbols the first fifty."""
    return {
        "n": n,
        "kind": one.kind,
        "time": one.event_time,
        "partition": one.partition,
        "strategy": one.strategy,
        "model": one.model,
        "symbols": list(one.symbols[:50]),
        "symbols_left_out": max(0, len(one.symbols) - 50),
        "detail": one.detail,
    }
