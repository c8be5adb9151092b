"""Messages to bytes and back: MessagePack maps for every message, JSON for those that people and gateways read.

The map holds ``v`` (schema version), ``type`` (the message's TYPE) and the fields; a field that is None is left out.
Columns travel as raw little-endian bytes (``schemas.fields``). Unknown keys are ignored, so that fields can be added;
a newer ``v`` is refused. NaN and infinity are refused on the way out everywhere, and on the way in wherever the
message is derived by this system; in bars they are a fault of single rows (``schemas.row_faults``).
"""

import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgpack
import orjson

from schemas.alerts import Alert
from schemas.bars import FEED_STATES, Adjustment, BarBatch, StateRepair, Watermark
from schemas.control import CONTROL_ACTIONS, ControlEvent, control_fault
from schemas.errors import DecodeError, EncodeError
from schemas.features import FeatureBatch, ReturnBatch
from schemas.intervals import INTERVALS, on_grid
from schemas.names import MAX_NAME, is_name
from schemas.predictions import FeatureStats, PredictionBatch, RouterSnapshot
from schemas.signals import Heartbeat, Notice, Signal
from schemas.wire import plan

VERSION = 1
#: Messages may not be larger than the topics allow.
MAX_BYTES = 16 * 1024 * 1024
#: One symbol's state: some 10 kB with a ring of 64 bars.
MAX_STATE_BYTES = 1024 * 1024

Message = (
    BarBatch | Watermark | Adjustment | StateRepair | ControlEvent | FeatureBatch | ReturnBatch | PredictionBatch
    | RouterSnapshot | FeatureStats | Signal | Heartbeat | Notice | Alert
)  # fmt: skip
TYPES: Mapping[str, type[Any]] = types.MappingProxyType({kind.TYPE: kind for kind in typing.get_args(Message)})
_KINDS = frozenset(TYPES.values())
#: Types that may travel as JSON: those without columns that people and gateways read.
JSON_TYPES = frozenset({"Signal", "Heartbeat", "Notice", "Alert", "ControlEvent"})


def encode(message: Message) -> bytes:
    """Return a message as MessagePack. Raises ``EncodeError``."""
    body = _to_map(message)
    try:
        data: bytes = msgpack.packb(body)
    except (ValueError, TypeError, OverflowError) as error:
        raise EncodeError(f"{message.TYPE}: {error}") from error
    if len(data) > MAX_BYTES:
        raise EncodeError(f"{message.TYPE}: {len(data)} bytes are over the limit of {MAX_BYTES}; send fewer symbols")
    return data


def decode(data: bytes | None) -> Message:
    """Return the message in MessagePack bytes. Raises ``DecodeError``; columns are read-only views where possible."""
    data = _within_limit(data)
    try:
        body = msgpack.unpackb(data)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise DecodeError("undecodable", f"not MessagePack ({error})") from error
    return _from_map(body)


def encode_json(message: Signal | Heartbeat | Notice | Alert | ControlEvent) -> bytes:
    """Return a message without columns as JSON. Raises ``EncodeError``."""
    if message.TYPE not in JSON_TYPES:
        raise EncodeError(f"{message.TYPE} has no JSON form; it travels as MessagePack")
    try:
        return orjson.dumps(_to_map(message))
    except TypeError as error:
        raise EncodeError(f"{message.TYPE}: {error}") from error


def decode_json(data: bytes | None) -> Message:
    """Return the message in JSON bytes. Raises ``DecodeError``."""
    data = _within_limit(data)
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DecodeError("undecodable", f"not JSON ({error})") from error
    return _from_map(body)


def decode_any(data: bytes | None, content_type: str) -> Message:
    """Decode by the header ``content-type``: JSON if it says so, else MessagePack."""
    return decode_json(data) if content_type.partition(";")[0].strip().endswith("json") else decode(data)


def _within_limit(data: bytes | None) -> bytes:
    if not data:
        raise DecodeError("undecodable", "the record has no value")
    if len(data) > MAX_BYTES:
        raise DecodeError("too_large", f"{len(data)} bytes are over the limit of {MAX_BYTES}")
    return data


def _to_map(message: Message) -> dict[str, Any]:
    kind: Any = type(message)
    if kind not in _KINDS:
        raise EncodeError(f"{type(message).__name__} is no message")
    body: dict[str, Any] = {"v": VERSION, "type": kind.TYPE}
    for field in plan(kind):
        value = getattr(message, field.name)
        if value is not None:
            body[field.name] = field.pack(message, value)
    return body


def _from_map(body: Any) -> Message:
    if type(body) is not dict:
        raise DecodeError("undecodable", "the message is no map")
    version, name = body.get("v"), body.get("type")
    if version is None or name is None:
        raise DecodeError("missing_field", f"the message has no field {'type' if name is None else 'v'}")
    if type(version) is not int or type(name) is not str:
        raise DecodeError("wrong_type", "v must be an integer and type a text")
    if version != VERSION:
        raise DecodeError("unknown_version", f"schema version {version}; this release reads {VERSION}")
    kind: Any = TYPES.get(name)
    if kind is None:
        raise DecodeError("unknown_type", f"message type {name[:100]!r} is not known")
    values: dict[str, Any] = {}
    for field in plan(kind):
        value = body.get(field.name)
        if value is not None:
            values[field.name] = field.unpack(body, value)
        elif field.required:
            raise DecodeError("missing_field", f"{name} has no field {field.name}")
    message: Message = kind(**values)
    check = _CHECKS.get(name)
    if check is not None:
        check(message)
    return message


def _check_bars(batch: BarBatch) -> None:
    if batch.interval not in INTERVALS:
        raise DecodeError("unknown_interval", f"interval {batch.interval[:100]!r} is not known")
    if not on_grid(batch.interval, batch.event_time):
        raise DecodeError("off_grid", f"no {batch.interval} bar closes at {batch.event_time}")
    if not batch.symbols:
        raise DecodeError("length_mismatch", "a BarBatch holds at least one symbol")
    if batch.revision < 0:
        raise DecodeError("wrong_type", f"BarBatch.revision is {batch.revision}, expected 0 or more")
    _check_name("BarBatch.feed", batch.feed)
    if batch.source:
        _check_name("BarBatch.source", batch.source)


def _check_watermark(mark: Watermark) -> None:
    if mark.state not in FEED_STATES:
        known = ", ".join(FEED_STATES)
        raise DecodeError("wrong_type", f"Watermark.state is {mark.state[:100]!r}; known are {known}")
    _check_name("Watermark.feed", mark.feed)


def _check_adjustment(split: Adjustment) -> None:
    if split.factor <= 0.0:
        raise DecodeError("wrong_type", f"Adjustment.factor is {split.factor}, expected a positive number")
    _check_name("Adjustment.symbol", split.symbol)
    _check_name("Adjustment.feed", split.feed)


def _check_repair(repair: StateRepair) -> None:
    if repair.interval not in INTERVALS:
        raise DecodeError("unknown_interval", f"interval {repair.interval[:100]!r} is not known")
    _check_name("StateRepair.symbol", repair.symbol)
    if repair.as_of_offset < -1 or repair.last_event_time < 1:
        place = f"as_of_offset {repair.as_of_offset}, last_event_time {repair.last_event_time}"
        raise DecodeError("wrong_type", f"StateRepair has {place}; expected -1 or more, and 1 or more")
    if len(repair.state) > MAX_STATE_BYTES:
        raise DecodeError(
            "too_large", f"StateRepair.state has {len(repair.state)} bytes; the limit is {MAX_STATE_BYTES}"
        )


def _check_control(event: ControlEvent) -> None:
    if event.action not in CONTROL_ACTIONS:
        raise DecodeError("wrong_type", f"ControlEvent.action is {event.action[:100]!r}, which is not known")
    if fault := control_fault(event):
        raise DecodeError("unstorable", f"ControlEvent: {fault}")


def _check_name(where: str, name: str) -> None:
    if not is_name(name):
        raise DecodeError("wrong_type", f"{where} has {len(name)} characters, expected 1 to {MAX_NAME}")


#: What must hold for messages that come from outside, beyond the type of each field.
_CHECKS: Mapping[str, Callable[[Any], None]] = {
    "BarBatch": _check_bars,
    "Watermark": _check_watermark,
    "Adjustment": _check_adjustment,
    "StateRepair": _check_repair,
    "ControlEvent": _check_control,
}
