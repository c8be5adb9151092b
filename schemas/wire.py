"""One field between memory and the wire: what the codec does with each kind of field of a message.

``plan(kind)`` gives, for each field of a message type, how it is packed and unpacked; both check the value.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

from schemas.errors import DecodeError, EncodeError
from schemas.link import Link
from schemas.wire_columns import MAX_ROWS, Column

#: Text fields and symbols are names: longer ones would not fit an index of the store.
MAX_TEXT = 4_096

_INT64 = 2**63

#: Takes the whole message (or the whole map) and the field's value.
Convert = Callable[[Any, Any], Any]
_Refuse = Callable[[str], Exception]
_Make = Callable[[str, _Refuse], Convert]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FieldPlan:
    """How one field travels. ``required``: a message without it is refused."""

    name: str
    required: bool
    pack: Convert
    unpack: Convert


@cache
def plan(kind: Hashable) -> tuple[FieldPlan, ...]:
    """Return the plan of a message type: its fields in order."""
    message_type: type[Any] = typing.cast(Any, kind)
    hints = typing.get_type_hints(message_type)
    return tuple(_field_plan(message_type, field, hints[field.name]) for field in dataclasses.fields(message_type))


def _field_plan(kind: type[Any], field: "dataclasses.Field[Any]", hint: Any) -> FieldPlan:
    where = f"{kind.TYPE}.{field.name}"
    missing = dataclasses.MISSING
    required = field.default is missing and field.default_factory is missing
    if "wire" in field.metadata:
        column = Column(where, field, refuse_nan=kind.TYPE != "BarBatch")
        return FieldPlan(name=field.name, required=required, pack=column.pack, unpack=column.unpack)
    make = _SCALARS[_plain(hint)]
    return FieldPlan(name=field.name, required=required, pack=make(where, EncodeError), unpack=make(where, _wrong_type))


def _plain(hint: Any) -> tuple[Any, Any]:
    """Return (type, type of its first item or key) of a field's type, without its ``| None``."""
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    return typing.get_origin(hint) or hint, (*typing.get_args(hint), None)[0]


def _wrong_type(text: str) -> DecodeError:
    return DecodeError("wrong_type", text)


def _text(where: str, refuse: _Refuse) -> Convert:
    def convert(_: Any, value: Any) -> str:
        if type(value) is not str:
            raise refuse(f"{where} is {type(value).__name__}, expected text")
        if len(value) > MAX_TEXT or "\0" in value:
            raise refuse(f"{where} is longer than {MAX_TEXT} characters or holds a NUL")
        return value

    return convert


def _exact(kind: type[Any], what: str) -> _Make:
    def make(where: str, refuse: _Refuse) -> Convert:
        def convert(_: Any, value: Any) -> Any:
            if type(value) is not kind:
                raise refuse(f"{where} is {type(value).__name__}, expected {what}")
            return value

        return convert

    return make


def _integer(where: str, refuse: _Refuse) -> Convert:
    def convert(_: Any, value: Any) -> int:
        if type(value) is not int or not -_INT64 <= value < _INT64:
            raise refuse(f"{where} is {value!r}, expected a 64-bit integer")
        return value

    return convert


def _number(where: str, refuse: _Refuse) -> Convert:
    def convert(_: Any, value: Any) -> float:
        if type(value) not in (float, int) or not math.isfinite(value):
            raise refuse(f"{where} is {value!r}, expected a finite number")
        return float(value)

    return convert


def _strings(where: str, refuse: _Refuse) -> Convert:
    def convert(_: Any, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not {str}.issuperset(map(type, value)):
            raise refuse(f"{where} is no list of texts")
        if len(value) > MAX_ROWS:
            raise refuse(f"{where} holds {len(value)} texts; the limit is {MAX_ROWS}")
        return tuple(value)

    return convert


def _pair(where: str, refuse: _Refuse) -> Convert:
    whole = _integer(where, refuse)

    def convert(_: Any, value: Any) -> tuple[int, int]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise refuse(f"{where} is no pair of integers")
        return whole(_, value[0]), whole(_, value[1])

    return convert


def _mapping(where: str, refuse: _Refuse) -> Convert:
    def convert(_: Any, value: Any) -> dict[str, Any]:
        if type(value) is not dict or not _plain_value(value):
            raise refuse(f"{where} is no map of texts, finite numbers, lists and maps")
        return value

    return convert


def _plain_value(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _plain_value(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_plain_value, value))
    if type(value) is int:
        return -_INT64 <= value < _INT64
    return math.isfinite(value) if type(value) is float else value is None or type(value) in (str, bool)


def _link(where: str, refuse: _Refuse) -> Convert:
    pair, whole = _pair(f"{where}.position", refuse), _integer(f"{where}.last_part", refuse)

    def convert(_: Any, value: Any) -> Any:
        if isinstance(value, Link):
            previous = {} if value.previous is None else {"previous": value.previous}
            return {"position": value.position, "last_part": value.last_part, **previous}
        if type(value) is not dict:
            raise refuse(f"{where} is {type(value).__name__}, expected a map")
        before = value.get("previous")
        return Link(
            position=pair(_, value.get("position")),
            last_part=whole(_, value.get("last_part")),
            previous=None if before is None else pair(_, before),
        )

    return convert


_SCALARS: dict[tuple[Any, Any], _Make] = {
    (str, None): _text,
    (int, None): _integer,
    (bool, None): _exact(bool, "true or false"),
    (bytes, None): _exact(bytes, "bytes"),
    (float, None): _number,
    (tuple, str): _strings,
    (tuple, int): _pair,
    (dict, str): _mapping,
    (Link, None): _link,
}
