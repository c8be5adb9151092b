"""Signals to bytes and back in bulk: the same as ``codec.encode`` and ``codec.decode``, for bursts of thousands."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

import msgpack

from schemas.codec import VERSION
from schemas.errors import EncodeError
from schemas.signals import Signal

_FIELDS: tuple[str, ...] = Signal.__slots__
_KEYS = ("v", "type", *_FIELDS)
_KINDS: dict[str, type] = {
    "v": int, "type": str, "seq": int, "score": float, "confidence": float, "timestamp": float, "event_time": int,
    "horizon": int, "reference_price": float, "position_scale": float, "model_version": int, "models": tuple,
    "source": tuple, "expires_at": int,
}  # fmt: skip
_TYPES = tuple(_KINDS.get(name, str) for name in _KEYS)
#: A frozen dataclass sets each field through two Python calls; its slots do the same at a quarter of the time.
_SETTERS: tuple[Any, ...] = tuple(getattr(Signal, name).__set__ for name in _FIELDS)
_LONGEST = 4_096
_INT64 = 2**63


def decode_signal(data: bytes) -> Signal | None:
    """Return the signal in MessagePack bytes if they are of exactly the form that ``encode_signals`` writes.

    None for everything else (another message, other fields, a fault): ``codec.decode`` says what that is.
    """
    try:
        body = msgpack.unpackb(data, use_list=False)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException):
        return None
    if len(data) > _LONGEST or type(body) is not dict or tuple(body) != _KEYS:
        return None
    values = tuple(body.values())
    if tuple(map(type, values)) != _TYPES or values[0] != VERSION or values[1] != Signal.TYPE:
        return None
    signal = object.__new__(Signal)
    for assign, value in zip(_SETTERS, values[2:], strict=True):
        assign(signal, value)
    return signal if _is_sound(signal) else None


def _is_sound(signal: Signal) -> bool:
    source: tuple[Any, ...] = signal.source  # not checked so far
    whole = (signal.seq, signal.event_time, signal.horizon, signal.model_version, signal.expires_at, *source)
    if len(source) != 2 or not {int}.issuperset(map(type, source)) or max(whole) >= _INT64:
        return False
    if not {str}.issuperset(map(type, signal.models)):
        return False
    # Not their sum: two finite numbers can add up to infinity, which would be sent to the slower path for nothing.
    numbers = (signal.score, signal.confidence, signal.timestamp, signal.reference_price, signal.position_scale)
    if not all(map(isfinite, numbers)):
        return False
    names = (signal.signal_id, signal.symbol, signal.signal, signal.interval, signal.strategy, signal.model)
    return "\0" not in "".join((*names, signal.reason))


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
