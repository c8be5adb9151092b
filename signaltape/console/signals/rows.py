"""Signals and notices as rows of the tape: short, because five thousand of them may come at one instant."""

from collections.abc import Iterable
from typing import Any

from pipeline.routing.position import suggested_position_of
from schemas.signals import Notice, Signal

#: What a row holds, in order. ``n``: its place among those that came while the server runs; 0 out of the store.
COLUMNS = (
    "n", "id", "symbol", "interval", "signal", "score", "confidence", "price", "time", "strategy", "models", "horizon",
    "scale", "position", "expires", "reason",
)  # fmt: skip


#: What the signals of one bar have in common, in the order of a block's ``shared``; the others are its columns.
SHARED = ("interval", "time", "strategy", "models", "horizon", "scale", "expires", "reason")


def signal_blocks(numbered: Iterable[tuple[int, Signal]]) -> list[dict[str, Any]]:
    """The same as ``signal_row`` for many, in columns: what signals share is said once.

    A browser reads five thousand signals of one bar so in a third of the time. Numbers rise within a block.
    """
    blocks: dict[tuple[Any, ...], dict[str, Any]] = {}
    for n, one in numbered:
        shared = (one.interval, one.event_time, one.strategy, (one.model, one.model_version, one.models), one.horizon,
                  one.position_scale, one.expires_at, one.reason)  # fmt: skip
        block = blocks.get(shared)
        if block is None:
            said = [*shared[:3], _models(one), *shared[4:]]
            block = blocks[shared] = {"shared": said, **{name: [] for name in _OWN}}
        block["n"].append(n)
        block["id"].append(one.signal_id)
        block["symbol"].append(one.symbol)
        block["signal"].append(one.signal)
        block["score"].append(one.score)
        block["confidence"].append(one.confidence)
        block["price"].append(one.reference_price)
        block["position"].append(suggested_position_of(one.signal, one.confidence, one.position_scale))
    return list(blocks.values())


_OWN = ("n", "id", "symbol", "signal", "score", "confidence", "price", "position")


def _models(one: Signal) -> str:
    return ", ".join(dict.fromkeys((f"{one.model}:{one.model_version}", *one.models)))  # who leads stands first


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
        _models(one),
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
