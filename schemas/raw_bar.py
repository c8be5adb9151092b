"""The record of ``bars-in``: one bar, from a client that knows nothing of this project.

A map in MessagePack or JSON (told apart by the first byte) with ``symbol``, ``interval``, ``event_time`` (the bar's
close: int ns UTC, or ISO-8601 with a zone), ``open``, ``high``, ``low``, ``close`` and, where known, ``volume``,
``source``, ``revision``, ``available_time``. Other keys are ignored.
"""

import math
from dataclasses import dataclass
from typing import Any

import msgpack
import orjson

from schemas.errors import DecodeError
from schemas.intervals import INTERVALS, on_grid
from schemas.names import MAX_NAME, is_name
from schemas.times import NaiveTimeError, parse_iso_time

#: One bar is small; whatever is larger is no bar.
MAX_RAW_BYTES = 16_384
_OPEN_BRACE = 0x7B  # in MessagePack the integer 123, never a map


@dataclass(frozen=True, kw_only=True, slots=True)
class RawBar:
    """One bar as it came; prices are finite and in order. ``volume`` None: the source gives none."""

    symbol: str
    interval: str
    event_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None = None
    source: str = ""
    feed: str = ""
    revision: int = 0
    available_time: int | None = None


def decode_raw_bar(data: bytes | None) -> RawBar:
    """Return the bar in a record's value. Raises ``DecodeError`` with the reason and the field."""
    body = _load(data)
    try:
        return _bar(body)
    except KeyError as error:
        raise DecodeError("missing_field", f"the bar has no field {error.args[0]}") from error


def named_in(data: bytes | None) -> tuple[str, str, int] | None:
    """Return (symbol, interval, event time in ns UTC) that a record names, whether or not its bar can be taken.

    None where it names none.
    """
    try:
        body = _load(data)
        symbol, interval, event_time = body["symbol"], body["interval"], raw_time("event_time", body["event_time"])
    except (DecodeError, KeyError):
        return None
    return (symbol, interval, event_time) if type(symbol) is str and type(interval) is str else None


def _load(data: bytes | None) -> dict[str, Any]:
    if not data:
        raise DecodeError("undecodable", "the record has no value")
    if len(data) > MAX_RAW_BYTES:
        raise DecodeError("too_large", f"{len(data)} bytes; one bar takes less than {MAX_RAW_BYTES}")
    try:
        body = orjson.loads(data) if data[0] == _OPEN_BRACE else msgpack.unpackb(data)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise DecodeError("undecodable", f"neither JSON nor MessagePack ({error})") from error
    if not isinstance(body, dict):
        raise DecodeError("undecodable", "the record is no map")
    version = body.get("v", 1)
    if version != 1:
        raise DecodeError("unknown_version", f"schema version {version!r}; this release reads 1")
    return body


def _bar(body: dict[str, Any]) -> RawBar:
    symbol, interval = body["symbol"], body["interval"]
    if type(symbol) is not str or not is_name(symbol):
        raise DecodeError("bad_symbol", f"symbol is {symbol!r:.100}, expected text of 1 to {MAX_NAME} characters")
    if type(interval) is not str or interval not in INTERVALS:
        raise DecodeError(
            "unknown_interval", f"interval {interval!r:.100} is not known; use one of {', '.join(INTERVALS)}"
        )
    event_time = raw_time("event_time", body["event_time"])
    if not on_grid(interval, event_time):
        raise DecodeError("off_grid", f"no {interval} bar closes at {event_time}")
    available, volume = body.get("available_time"), body.get("volume")
    bar = RawBar(
        symbol=symbol,
        interval=interval,
        event_time=event_time,
        open=_price("open", body["open"]),
        high=_price("high", body["high"]),
        low=_price("low", body["low"]),
        close=_price("close", body["close"]),
        volume=None if volume is None else _number("volume", volume),
        source=_text("source", body.get("source", "")),
        feed=_text("feed", body.get("feed", "")),
        revision=_count("revision", body.get("revision", 0)),
        available_time=None if available is None else raw_time("available_time", available),
    )
    _check_range(bar)
    return bar


def _check_range(bar: RawBar) -> None:
    prices = f"open {bar.open}, high {bar.high}, low {bar.low}, close {bar.close}"
    if bar.high < bar.low:
        raise DecodeError("high_below_low", prices)
    if not bar.low <= bar.open <= bar.high:
        raise DecodeError("open_outside_range", prices)
    if not bar.low <= bar.close <= bar.high:
        raise DecodeError("close_outside_range", prices)
    if bar.volume is not None and bar.volume < 0.0:
        raise DecodeError("negative_volume", f"volume {bar.volume}")


def _number(name: str, value: Any) -> float:
    if type(value) is float or type(value) is int:
        if math.isfinite(value):
            return float(value)
        raise DecodeError("not_finite", f"{name} is {value}")
    raise DecodeError("wrong_type", f"{name} is {value!r}, expected a number")


def _price(name: str, value: Any) -> float:
    price = _number(name, value)
    if price > 0.0:
        return price
    raise DecodeError("non_positive_price", f"{name} is {price}")


def _text(name: str, value: Any) -> str:
    if type(value) is str and (not value or is_name(value)):
        return value
    raise DecodeError("wrong_type", f"{name} is {value!r:.100}, expected text of up to {MAX_NAME} characters")


def _count(name: str, value: Any) -> int:
    if type(value) is int and 0 <= value < 2**63:
        return value
    raise DecodeError("wrong_type", f"{name} is {value!r}, expected a whole number from 0")


def raw_time(name: str, value: Any) -> int:
    """Return a time of the record, int ns or text with a zone, as ns UTC. Raises ``DecodeError``."""
    if type(value) is int and abs(value) < 2**63:
        return value
    if type(value) is not str:
        raise DecodeError("wrong_type", f"{name} is {value!r}, expected int ns UTC or ISO-8601 text with a zone")
    try:
        return parse_iso_time(value)
    except NaiveTimeError as error:
        raise DecodeError("naive_time", f"{name}: {error}") from error
    except ValueError as error:
        raise DecodeError("wrong_type", f"{name} is {value!r:.100}, expected ISO-8601 text with a zone") from error
