"""Many records of ``bars-in`` at once, as columns: the same rules as `schemas.raw_bar`, without Python per bar.

It takes a lot of records whole or not at all: where one record is at fault, `decode_raw_bar` says which, and why.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgpack
import numpy as np
import orjson

from schemas.errors import DecodeError
from schemas.fields import F8Array, I8Array
from schemas.intervals import INTERVALS
from schemas.names import is_name
from schemas.raw_bar import MAX_RAW_BYTES, raw_time

_OPEN_BRACE = 0x7B
_REQUIRED = itemgetter("symbol", "interval", "event_time", "open", "high", "low", "close")
_OPTIONAL = frozenset({"volume", "source", "feed", "revision", "available_time", "v"})
#: Stands for a time that is not given; no time of a record has this value.
NO_TIME = -(2**63)
_cached_time = lru_cache(maxsize=4_096)(raw_time)


class _Unlike(Exception):
    """The records can't be taken as one lot."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RawColumns:
    """n ≥ 1 valid bars. ``prices``: float64 (5, n): open, high, low, close, volume (NaN: the source gives none).

    ``event_time``: int64 (n,), ns UTC. What is None holds the default in every row: no source, no feed, revision 0,
    no ``available_time`` (in it ``NO_TIME`` marks a row without).
    """

    symbols: tuple[str, ...]
    interval: tuple[str, ...]
    event_time: I8Array
    prices: F8Array
    source: Sequence[str] | None = None
    feed: Sequence[str] | None = None
    revision: I8Array | None = None
    available_time: I8Array | None = None


def decode_raw_bars(values: Sequence[bytes | None]) -> RawColumns | None:
    """Return the bars in these records' values, None where one has to be looked at by itself."""
    try:
        return _columns(_bodies(values))
    except (_Unlike, DecodeError, KeyError, ValueError, TypeError, OverflowError, msgpack.UnpackException):
        return None


def _bodies(values: Sequence[Any]) -> list[dict[str, Any]]:
    unpack: Callable[[bytes], Any] = msgpack.unpackb
    if max(map(len, values)) > MAX_RAW_BYTES or not all(values):
        raise _Unlike
    bodies = [orjson.loads(data) if data[0] == _OPEN_BRACE else unpack(data) for data in values]
    _require(set(map(type, bodies)) == {dict})
    return bodies


def _columns(bodies: list[dict[str, Any]]) -> RawColumns:
    symbols, interval, event_time, *prices = zip(*map(_REQUIRED, bodies), strict=True)
    more = {name: [body.get(name) for body in bodies] for name in _OPTIONAL.intersection(set().union(*bodies))}
    _require(_kinds(symbols) == {str} and all(map(is_name, set(symbols))))
    _require(_kinds(interval) == {str} and INTERVALS.keys() >= set(interval))
    if "v" in more:
        _require(all(body.get("v", 1) == 1 for body in bodies))
    return RawColumns(
        symbols=symbols,
        interval=interval,
        event_time=_closes(interval, event_time),
        prices=_prices(prices, more.get("volume")),
        source=_texts(bodies, "source") if "source" in more else None,
        feed=_texts(bodies, "feed") if "feed" in more else None,
        revision=_revisions(bodies) if "revision" in more else None,
        available_time=_moments("available_time", more["available_time"]) if "available_time" in more else None,
    )


def _closes(interval: tuple[str, ...], values: Sequence[Any]) -> I8Array:
    times = np.array(values, np.int64) if _kinds(values) == {int} else _moments("event_time", values)
    _require(bool((times > 0).all()) and not (times % 1_000).any())
    names = set(interval)
    lengths: Any = INTERVALS[interval[0]]
    if len(names) > 1:
        lengths = np.array([INTERVALS[name] for name in interval], dtype=np.int64)
    beside = (times % lengths) != 0
    if "1d" in names:
        beside &= np.array([name != "1d" for name in interval])
    _require(not beside.any())
    return times


def _moments(name: str, values: Sequence[Any]) -> I8Array:
    """Times given as int ns or as text; ``NO_TIME`` for a missing one."""
    _require(NO_TIME not in values)
    found = [NO_TIME if value is None else value if type(value) is int else _text_time(name, value) for value in values]
    return np.array(found, dtype=np.int64)


def _text_time(name: str, value: Any) -> int:
    _require(type(value) is str)
    return _cached_time(name, value)


def _prices(prices: Sequence[Sequence[Any]], volume: Sequence[Any] | None) -> F8Array:
    for column in prices:
        _require({float, int} >= _kinds(column))
    size = len(prices[0])
    block = np.empty((5, size))
    block[:4] = prices
    opening, high, low, close, volumes = block
    # A NaN fails each comparison.
    inside = (low > 0.0) & (low <= opening) & (opening <= high) & (low <= close) & (close <= high) & (high < np.inf)
    _require(bool(inside.all()))
    if volume is None:
        volumes[:] = np.nan
        return block
    kinds = _kinds(volume)
    _require({float, int, type(None)} >= kinds)
    if type(None) in kinds:
        given = np.array([value is not None for value in volume])
        volumes[:] = [np.nan if value is None else value for value in volume]
        _require(bool(((volumes >= 0.0) & (volumes < np.inf) == given).all()))
    else:
        volumes[:] = volume
        _require(bool(((volumes >= 0.0) & (volumes < np.inf)).all()))
    return block


def _texts(bodies: list[dict[str, Any]], name: str) -> list[str]:
    texts = [body.get(name, "") for body in bodies]
    _require(_kinds(texts) == {str} and all(not text or is_name(text) for text in set(texts)))
    return texts


def _revisions(bodies: list[dict[str, Any]]) -> I8Array:
    values = [body.get("revision", 0) for body in bodies]
    _require(_kinds(values) == {int} and min(values) >= 0)
    return np.array(values, dtype=np.int64)


def _kinds(values: Iterable[Any]) -> set[type]:
    return set(map(type, values))


def _require(condition: bool) -> None:
    if not condition:
        raise _Unlike
