"""The newest signal of every symbol and interval, as the warehouse has it: what the cache of signals must show."""

from collections.abc import Iterable
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_nanoseconds
from infra.warehouse.queries import queries
from schemas.intervals import SECOND
from schemas.signals import Signal


def newest_signals(connection: Connection, partitions: Iterable[int] | None = None) -> list[Signal]:
    """Newest signals by (event_time, seq), of some partitions of ``signals`` or of all, by symbol and interval."""
    wanted = None if partitions is None else sorted(partitions)
    return [_signal(row) for row in connection.execute(queries("online")["newest signals"], {"partitions": wanted})]


def _signal(row: tuple[Any, ...]) -> Signal:
    (
        signal_id, seq, symbol, signal, score, confidence, moment, interval, horizon, price, scale, strategy, model,
        version, models, partition, offset, expires, reason,
    ) = row  # fmt: skip
    event_time = to_nanoseconds(moment)
    return Signal(
        signal_id=signal_id,
        seq=seq,
        symbol=symbol,
        signal=signal,
        score=score,
        confidence=confidence,
        timestamp=event_time / SECOND,
        event_time=event_time,
        interval=interval,
        horizon=horizon,
        reference_price=price,
        position_scale=scale,
        strategy=strategy,
        model=model,
        model_version=version,
        models=tuple(models),
        source=(partition, offset),
        expires_at=to_nanoseconds(expires),
        reason=reason,
    )
