"""The newest signal of every symbol and interval, as the warehouse has it: what the cache of signals must show."""

from collections.abc import Iterable
from typing import Any

from infra.warehouse.connection import Connection
from infra.warehouse.queries import queries
from infra.warehouse.stored_signals import signal_of
from schemas.signals import Signal

_COLUMNS = (
    "signal_id", "seq", "symbol", "signal", "score", "confidence", "event_time", "interval", "horizon",
    "reference_price", "position_scale", "strategy", "model", "model_version", "models", "partition", "source_offset",
    "expires_at", "reason",
)  # fmt: skip


def newest_signals(connection: Connection, partitions: Iterable[int] | None = None) -> list[Signal]:
    """Newest signals by (event_time, seq), of some partitions of ``signals`` or of all, by symbol and interval."""
    wanted = None if partitions is None else sorted(partitions)
    return signals_of(connection.execute(queries("online")["newest signals"], {"partitions": wanted}))


def signals_of(rows: Iterable[tuple[Any, ...]]) -> list[Signal]:
    """Signals out of rows with the columns of the query ``newest signals``, in its order."""
    return [signal_of(dict(zip(_COLUMNS, row, strict=True))) for row in rows]
