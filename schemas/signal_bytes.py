"""Signals to bytes and back in bulk: the same as ``codec.encode`` and ``codec.decode``, for bursts of thousands."""

from collections.abc import Callable
from itertools import repeat
from math import isfinite
from operator import attrgetter
from typing import Any

import msgpack
import numpy as np

from schemas.codec import VERSION
from schemas.errors import EncodeError
from schemas.fields import F8Array
from schemas.signal_columns import SignalColumns
from schemas.signals import SIGNALS, Signal

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
_values = attrgetter(*_FIELDS)
_INT64 = 2**63


def decode_signal(data: bytes) -> Signal | None:
    """Return the signal in MessagePack bytes if they are of exactly the form in which they are written.

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


def encode_signal(signal: Signal) -> bytes:
    """Return one signal that was decoded before as MessagePack: the bytes of ``codec.encode``, without its checks."""
    data: bytes = _pack(dict(zip(_KEYS, (VERSION, Signal.TYPE, *_values(signal)), strict=True)))
    return data


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


def encode_signals(columns: SignalColumns) -> list[bytes]:
    """Return each signal as MessagePack, the same bytes as ``codec.encode``. Raises ``EncodeError`` as it does.

    What rows share is packed once: a message is a join of ready pieces and of the columns' bytes.
    """
    _check_finite(columns)
    shared = _Pieces(columns)
    terms = columns.term.tolist()
    return list(
        map(
            b"".join,
            zip(
                repeat(shared.head),
                map(_pack, columns.signal_id),
                repeat(_PACKED_KEYS["seq"]),
                map(_pack, range(columns.first_seq, columns.first_seq + len(columns))),
                repeat(_PACKED_KEYS["symbol"]),
                map(_pack, columns.symbol),
                map(_DIRECTIONS.__getitem__, columns.direction.tolist()),
                _numbers(columns.score, "confidence", columns.confidence),
                map(shared.middle.__getitem__, terms),
                _numbers(columns.reference_price, "position_scale", columns.position_scale),
                map(shared.tail.__getitem__, terms),
                strict=False,
            ),
        )
    )


class _Pieces:
    """The parts of the messages that don't differ, or only with the terms; in the order of the fields."""

    def __init__(self, columns: SignalColumns) -> None:
        size = b"\xde" + len(_KEYS).to_bytes(2, "big")  # a map of so many fields
        self.head = size + _named(v=VERSION, type=Signal.TYPE) + _PACKED_KEYS["signal_id"]
        times = _named(timestamp=columns.timestamp, event_time=columns.event_time, interval=columns.interval)
        self.middle, self.tail = [], []
        for terms in columns.terms:
            self.middle.append(times + _named(horizon=terms.horizon) + _PACKED_KEYS["reference_price"])
            self.tail.append(
                _named(
                    strategy=columns.strategy,
                    model=terms.model,
                    model_version=terms.model_version,
                    models=terms.models,
                    source=columns.source,
                    expires_at=terms.expires_at,
                    reason=terms.reason,
                )
            )


def _named(**values: Any) -> bytes:
    return b"".join(_PACKED_KEYS[name] + _pack(value) for name, value in values.items())


def _numbers(first: F8Array, name: str, second: F8Array) -> list[bytes]:
    """Two float64 columns as MessagePack, with the second one's key between them; one piece of bytes a row."""
    between = _PACKED_KEYS[name] + _FLOAT64
    kind = np.dtype([("mark", "V1"), ("first", ">f8"), ("between", f"V{len(between)}"), ("second", ">f8")])
    rows = np.empty(len(first), kind)
    rows["mark"], rows["between"] = np.void(_FLOAT64), np.void(between)
    rows["first"], rows["second"] = first, second
    pieces: list[bytes] = rows.view(f"V{kind.itemsize}").tolist()
    return pieces


def _check_finite(columns: SignalColumns) -> None:
    good = np.isfinite(columns.score) & np.isfinite(columns.confidence)
    good &= np.isfinite(columns.reference_price) & np.isfinite(columns.position_scale)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise EncodeError(f"Signal {columns.signal_id[row]} of {columns.symbol[row]} holds a number that isn't finite")


#: What stands before a float64 in MessagePack.
_FLOAT64 = b"\xcb"
_pack: Callable[[Any], bytes] = msgpack.Packer(autoreset=True).pack
_PACKED_KEYS = {name: _pack(name) for name in _KEYS}
#: Key and value of ``signal``, and the key of ``score`` behind it, by code of the direction.
_DIRECTIONS = [_named(signal=name) + _PACKED_KEYS["score"] for name in SIGNALS]
