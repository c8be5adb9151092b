"""Messages to bytes and back: MessagePack maps for every message, JSON for those that people and gateways read.

The map holds ``v`` (schema version), ``type`` (the message's TYPE) and the fields; a field that is None is left out.
Columns travel as raw little-endian bytes (``schemas.fields``). Unknown keys are ignored, so that fields can be added;
a newer ``v`` is refused. NaN and infinity are refused on the way out everywhere, and on the way in wherever the
message is derived by this system; in bars they are a fault of single rows (``schemas.row_faults``).
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgpack
import numpy as np
import orjson

from schemas.alerts import Alert
from schemas.bars import FEED_STATES, Adjustment, BarBatch, StateRepair, Watermark
from schemas.control import ControlEvent
from schemas.errors import DecodeError, EncodeError
from schemas.features import FeatureBatch, ReturnBatch
from schemas.fields import Wire
from schemas.intervals import INTERVALS, on_grid
from schemas.link import Link
from schemas.predictions import FeatureStats, PredictionBatch, RouterSnapshot
from schemas.signals import Heartbeat, Notice, Signal

VERSION = 1
#: Messages may not be larger than the topics allow.
MAX_BYTES = 16 * 1024 * 1024
#: More symbols than this in one batch are refused.
MAX_ROWS = 50_000

Message = (
    BarBatch | Watermark | Adjustment | StateRepair | ControlEvent | FeatureBatch | ReturnBatch | PredictionBatch
    | RouterSnapshot | FeatureStats | Signal | Heartbeat | Notice | Alert
)  # fmt: skip
TYPES: Mapping[str, type[Any]] = types.MappingProxyType({kind.TYPE: kind for kind in typing.get_args(Message)})
JSON_TYPES = frozenset({"Signal", "Heartbeat", "Notice", "Alert", "ControlEvent"})

_DTYPES = {Wire.F8: "<f8", Wire.F8X: "<f8", Wire.I8: "<i8", Wire.I8X: "<i8", Wire.U1: "u1"}
_BITS = (Wire.BITS, Wire.BITSX)
_MATRICES = (Wire.F8X, Wire.I8X, Wire.BITSX)


def encode(message: Message) -> bytes:
    """Return a message as MessagePack. Raises ``EncodeError``."""
    body = _to_map(message)
    data: bytes = msgpack.packb(body)
    if len(data) > MAX_BYTES:
        raise EncodeError(f"{message.TYPE}: {len(data)} bytes are over the limit of {MAX_BYTES}; send fewer symbols")
    return data


def decode(data: bytes) -> Message:
    """Return the message in MessagePack bytes. Raises ``DecodeError``; columns are read-only views where possible."""
    if len(data) > MAX_BYTES:
        raise DecodeError("too_large", f"{len(data)} bytes are over the limit of {MAX_BYTES}")
    try:
        body = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException, UnicodeDecodeError) as error:
        raise DecodeError("undecodable", f"not MessagePack ({error})") from error
    return _from_map(body)


def encode_json(message: Signal | Heartbeat | Notice | Alert | ControlEvent) -> bytes:
    """Return a message without columns as JSON. Raises ``EncodeError``."""
    if message.TYPE not in JSON_TYPES:
        raise EncodeError(f"{message.TYPE} has no JSON form; it travels as MessagePack")
    return orjson.dumps(_to_map(message))


def decode_json(data: bytes) -> Message:
    """Return the message in JSON bytes. Raises ``DecodeError``."""
    if len(data) > MAX_BYTES:
        raise DecodeError("too_large", f"{len(data)} bytes are over the limit of {MAX_BYTES}")
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DecodeError("undecodable", f"not JSON ({error})") from error
    return _from_map(body)


def decode_any(data: bytes, content_type: str) -> Message:
    """Decode by the header ``content-type``: JSON if it says so, else MessagePack."""
    return decode_json(data) if content_type.partition(";")[0].strip().endswith("json") else decode(data)


def _to_map(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {"v": VERSION, "type": message.TYPE}
    for name, pack, _ in _plan(type(message)):
        value = getattr(message, name)
        if value is not None:
            body[name] = pack(message, value)
    return body


def _from_map(body: Any) -> Message:
    if not isinstance(body, dict):
        raise DecodeError("undecodable", "the message is no map")
    version = body.get("v")
    if not isinstance(version, int) or isinstance(version, bool):
        raise DecodeError("missing_field", "v (the schema version) is missing or no integer")
    if version != VERSION:
        raise DecodeError("unknown_version", f"schema version {version}; this release reads {VERSION}")
    kind = TYPES.get(body.get("type", ""))
    if kind is None:
        raise DecodeError("unknown_type", f"message type {body.get('type')!r} is not known")
    values: dict[str, Any] = {}
    for name, _, unpack in _plan(kind):
        if name in body:
            values[name] = unpack(body, body[name])
        elif name in _required(kind):
            raise DecodeError("missing_field", f"{kind.TYPE} has no field {name}")
    message: Message = kind(**values)
    if isinstance(message, BarBatch):
        _check_bars(message)
    elif isinstance(message, Watermark) and message.state not in FEED_STATES:
        raise DecodeError("wrong_type", f"Watermark.state is {message.state!r}; known are {', '.join(FEED_STATES)}")
    return message


def _check_bars(batch: BarBatch) -> None:
    if batch.interval not in INTERVALS:
        raise DecodeError("unknown_interval", f"interval {batch.interval!r} is not known")
    if not on_grid(batch.interval, batch.event_time):
        raise DecodeError("off_grid", f"no {batch.interval} bar closes at {batch.event_time}")
    if not batch.symbols:
        raise DecodeError("length_mismatch", "a BarBatch holds at least one symbol")


_Pack = Callable[[Any, Any], Any]
_Unpack = Callable[[dict[str, Any], Any], Any]


@cache
def _plan(kind: Any) -> tuple[tuple[str, _Pack, _Unpack], ...]:
    hints = typing.get_type_hints(kind)
    return tuple(_field_plan(kind, field, hints[field.name]) for field in dataclasses.fields(kind))


@cache
def _required(kind: Any) -> frozenset[str]:
    missing = dataclasses.MISSING
    return frozenset(f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing)


def _field_plan(kind: type[Any], field: dataclasses.Field[Any], hint: Any) -> tuple[str, _Pack, _Unpack]:
    where = f"{kind.TYPE}.{field.name}"
    if "wire" in field.metadata:
        column = _Column(where, field, refuse_nan=kind is not BarBatch)
        return field.name, column.pack, column.unpack
    optional = [part for part in typing.get_args(hint) if part is not type(None)]
    plain = optional[0] if isinstance(hint, types.UnionType) and len(optional) == 1 else hint
    check = _SCALARS[typing.get_origin(plain) or plain, typing.get_args(plain)[:1]]
    return field.name, lambda _, value: check(where, value, EncodeError), lambda _, value: check(where, value, _wrong)


class _Column:
    """One array field: how it is packed and unpacked."""

    def __init__(self, where: str, field: dataclasses.Field[Any], *, refuse_nan: bool) -> None:
        self._where = where
        self._wire: Wire = field.metadata["wire"]
        self._rows: str = field.metadata["rows"]
        self._width: str = field.metadata["width"]
        self._refuse_nan = refuse_nan

    def pack(self, message: Any, array: Any) -> bytes:
        shape = self._shape(getattr(message, self._rows), getattr(message, self._width) if self._width else None)
        if array.shape != shape:
            raise EncodeError(f"{self._where} has shape {array.shape}, expected {shape}")
        if self._wire in _BITS:
            return np.packbits(array, bitorder="little").tobytes()
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise EncodeError(f"{self._where} holds NaN or infinity; what is undefined is masked, never NaN")
        return np.ascontiguousarray(array, dtype=_DTYPES[self._wire]).tobytes()

    def unpack(self, body: dict[str, Any], data: Any) -> Any:
        if type(data) is not bytes:
            raise DecodeError("wrong_type", f"{self._where} is no byte string")
        shape = self._shape(body.get(self._rows), body.get(self._width) if self._width else None)
        cells = math.prod(shape)
        if self._wire in _BITS:
            if len(data) != (cells + 7) // 8:
                raise DecodeError("length_mismatch", f"{self._where} has {len(data)} bytes for {cells} bits")
            bits = np.unpackbits(np.frombuffer(data, np.uint8), count=cells, bitorder="little")
            return bits.view(np.bool_).reshape(shape)
        dtype = np.dtype(_DTYPES[self._wire])
        if len(data) != cells * dtype.itemsize:
            raise DecodeError("length_mismatch", f"{self._where} has {len(data)} bytes for {cells} values")
        array = np.frombuffer(data, dtype).reshape(shape)
        if self._refuse_nan and dtype.kind == "f" and not np.isfinite(array).all():
            raise DecodeError("not_finite", f"{self._where} holds NaN or infinity")
        return array

    def _shape(self, rows: Any, width: Any) -> tuple[int, ...]:
        n = rows if isinstance(rows, int) else len(rows) if isinstance(rows, list | tuple) else -1
        if not 0 <= n <= MAX_ROWS:
            raise DecodeError(
                "length_mismatch", f"{self._where}: {self._rows} gives no number of rows up to {MAX_ROWS}"
            )
        if self._wire not in _MATRICES:
            return (n,)
        if not isinstance(width, int) or not 0 <= width <= MAX_ROWS:
            raise DecodeError("length_mismatch", f"{self._where}: {self._width} gives no width")
        return (n, width)


def _wrong(text: str) -> DecodeError:
    return DecodeError("wrong_type", text)


_Error = Callable[[str], Exception]


def _exact(kind: type[Any], what: str) -> Callable[[str, Any, _Error], Any]:
    def check(where: str, value: Any, error: _Error) -> Any:
        if type(value) is not kind:
            raise error(f"{where} is {type(value).__name__}, expected {what}")
        return value

    return check


def _number(where: str, value: Any, error: _Error) -> float:
    if type(value) not in (float, int) or not math.isfinite(value):
        raise error(f"{where} is {value!r}, expected a finite number")
    return float(value)


def _strings(where: str, value: Any, error: _Error) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or (value and set(map(type, value)) != {str}):
        raise error(f"{where} is no list of strings")
    return tuple(value)


def _pair(where: str, value: Any, error: _Error) -> tuple[int, int]:
    if not isinstance(value, list | tuple) or len(value) != 2 or set(map(type, value)) != {int}:
        raise error(f"{where} is no pair of integers")
    return (value[0], value[1])


def _mapping(where: str, value: Any, error: _Error) -> dict[str, Any]:
    if not isinstance(value, dict) or not _finite(value):
        raise error(f"{where} is no map of finite values")
    return value


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _finite(item) for key, item in value.items())
    return all(_finite(item) for item in value) if isinstance(value, list | tuple) else True


def _link(where: str, value: Any, error: _Error) -> Any:
    if isinstance(value, Link):
        previous = {} if value.previous is None else {"previous": list(value.previous)}
        return {"position": list(value.position), "last_part": value.last_part, **previous}
    if not isinstance(value, dict):
        raise error(f"{where} is no map")
    previous_value = value.get("previous")
    return Link(
        position=_pair(f"{where}.position", value.get("position"), error),
        last_part=_exact(int, "int")(f"{where}.last_part", value.get("last_part"), error),
        previous=None if previous_value is None else _pair(f"{where}.previous", previous_value, error),
    )


_SCALARS: dict[tuple[Any, tuple[Any, ...]], Callable[[str, Any, _Error], Any]] = {
    (str, ()): _exact(str, "str"),
    (int, ()): _exact(int, "int"),
    (bool, ()): _exact(bool, "bool"),
    (bytes, ()): _exact(bytes, "bytes"),
    (float, ()): _number,
    (tuple, (str,)): _strings,
    (tuple, (int,)): _pair,
    (dict, (str,)): _mapping,
    (Link, ()): _link,
}
