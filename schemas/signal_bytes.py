"""Signals to bytes in bulk: the same bytes as ``codec.encode``, for bursts of thousands."""

from collections.abc import Iterable
from math import isfinite

import msgpack

from schemas.codec import VERSION
from schemas.errors import EncodeError
from schemas.signals import Signal


def encode_signals(signals: Iterable[Signal]) -> list[bytes]:
    """Return each signal as MessagePack. Raises ``EncodeError`` naming the first that isn't finite."""
    pack = msgpack.Packer(autoreset=True).pack
    encoded = []
    for signal in signals:
        if not isfinite(signal.score + signal.confidence + signal.reference_price + signal.position_scale):
            raise EncodeError(f"Signal {signal.signal_id} of {signal.symbol} holds a number that isn't finite")
        body = {
            "v": VERSION,
            "type": "Signal",
            "signal_id": signal.signal_id,
            "seq": signal.seq,
            "symbol": signal.symbol,
            "signal": signal.signal,
            "score": signal.score,
            "confidence": signal.confidence,
            "timestamp": signal.timestamp,
            "event_time": signal.event_time,
            "interval": signal.interval,
            "horizon": signal.horizon,
            "reference_price": signal.reference_price,
            "position_scale": signal.position_scale,
            "strategy": signal.strategy,
            "model": signal.model,
            "model_version": signal.model_version,
            "models": signal.models,
            "source": signal.source,
            "expires_at": signal.expires_at,
            "reason": signal.reason,
        }
        encoded.append(pack(body))
    return encoded
