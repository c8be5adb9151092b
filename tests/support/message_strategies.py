"""Hypothesis strategies for whole messages, made from the declarations of their fields."""

import dataclasses
import types
import typing
from typing import Any

import numpy as np
from hypothesis import strategies as st

from schemas.bars import FEED_STATES
from schemas.codec import TYPES
from schemas.control import CONTROL_ACTIONS
from schemas.fields import Wire
from schemas.intervals import DAY, INTERVALS
from schemas.link import Link

INT64 = st.integers(-(2**63), 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
_PAIRS = st.tuples(INT64, INT64)
_VALUES = st.recursive(
    st.none() | st.booleans() | INT64 | FINITE | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: NAMES,
    int: INT64,
    float: FINITE,
    bool: st.booleans(),
    bytes: st.binary(max_size=40),
    tuple[str, ...]: st.lists(NAMES, min_size=1, max_size=9, unique=True).map(tuple),
    tuple[int, int]: _PAIRS,
    dict[str, Any]: st.dictionaries(NAMES, _VALUES, max_size=4),
    Link: st.builds(Link, position=_PAIRS, last_part=INT64, previous=st.none() | _PAIRS),
}
#: What the codec demands of single fields beyond their type.
_FIELDS: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("BarBatch", "event_time"): st.integers(1, 100_000).map(lambda day: day * DAY),
    ("BarBatch", "interval"): st.sampled_from(sorted(INTERVALS)),
    ("StateRepair", "interval"): st.sampled_from(sorted(INTERVALS)),
    ("StateRepair", "as_of_offset"): st.integers(-1, 2**40),
    ("StateRepair", "last_event_time"): st.integers(1, 2**62),
    ("BarBatch", "revision"): st.integers(0, 2**40),
    ("Watermark", "state"): st.sampled_from(FEED_STATES),
    ("Adjustment", "factor"): st.floats(1e-6, 1e6),
    ("ControlEvent", "action"): st.sampled_from(CONTROL_ACTIONS),
    ("ControlEvent", "model_version"): st.integers(-(2**31), 2**31 - 1),
}
_DTYPES = {Wire.F8: "f8", Wire.F8X: "f8", Wire.I8: "i8", Wire.I8X: "i8", Wire.U1: "u1"}


@st.composite
def messages(draw: st.DrawFn, name: str) -> Any:
    """One message of the type ``name``; columns hold any finite value of their kind."""
    kind = TYPES[name]
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    values: dict[str, Any] = {}
    for field in fields:
        if "wire" not in field.metadata:
            special = _FIELDS.get((name, field.name))
            values[field.name] = draw(_scalar(hints[field.name]) if special is None else special)
    for width in {field.metadata["width"] for field in fields if field.metadata.get("width")}:
        values[width] = draw(st.integers(0, 4))
    for field in fields:
        if "wire" in field.metadata:
            rows = values[field.metadata["rows"]]
            shape = (len(rows),) if not field.metadata["width"] else (len(rows), values[field.metadata["width"]])
            values[field.name] = draw(_arrays(field.metadata["wire"], shape))
    return kind(**values)


def _scalar(hint: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, types.UnionType):
        inner = next(part for part in typing.get_args(hint) if part is not types.NoneType)
        return st.none() | _scalar(inner)
    return _SCALARS[hint]


def _arrays(wire: Wire, shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    cells = int(np.prod(shape))
    if wire in (Wire.BITS, Wire.BITSX):
        kind, values = "?", st.booleans()
    elif wire is Wire.U1:
        kind, values = "u1", st.integers(0, 255)
    else:
        kind, values = _DTYPES[wire], FINITE if _DTYPES[wire] == "f8" else INT64
    return st.lists(values, min_size=cells, max_size=cells).map(lambda items: np.array(items, kind).reshape(shape))
