"""Rows of `signals` as the signals that they came from."""

from collections.abc import Mapping
from typing import Any

from infra.warehouse.moments import to_nanoseconds
from schemas.intervals import SECOND
from schemas.signals import Signal


def signal_of(columns: Mapping[str, Any]) -> Signal:
    """The signal of a row, given its columns by name. Without `seq` and `source_offset` both are 0."""
    event_time = to_nanoseconds(columns["event_time"])
    return Signal(
        signal_id=columns["signal_id"],
        seq=columns.get("seq", 0),
        symbol=columns["symbol"],
        signal=columns["signal"],
        score=columns["score"],
        confidence=columns["confidence"],
        timestamp=event_time / SECOND,
        event_time=event_time,
        interval=columns["interval"],
        horizon=columns["horizon"],
        reference_price=columns["reference_price"],
        position_scale=columns["position_scale"],
        strategy=columns["strategy"],
        model=columns["model"],
        model_version=columns["model_version"],
        models=tuple(columns["models"]),
        source=(columns["partition"], columns.get("source_offset", 0)),
        expires_at=to_nanoseconds(columns["expires_at"]),
        reason=columns["reason"],
    )
