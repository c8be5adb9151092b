"""Parameters as a command gives them, and as control events carry them."""

from collections.abc import Sequence
from typing import Any

from pipeline.deployments import ROUTER_PARAMETERS
from schemas.intervals import SECOND
from signaltape.rollout.errors import EventRefused

_LISTS = ("symbols", "blocked_symbols", "directions")
_WINDOW_S = "dedup_window_s"


class ParameterRefused(EventRefused):
    """NAME=VALUE can't be read; the message says what can."""

    exit_code = 2


def parse(values: Sequence[str]) -> dict[str, Any]:
    """Return parameters by name from NAME=VALUE texts: numbers, comma separated lists, ``emit`` as it stands.

    ``dedup_window_s`` becomes ``dedup_window_ns``. Whether a value can be is decided where every event is
    (``pipeline.control_checks``). Raises ParameterRefused.

    >>> parse(["long=0.002", "symbols=A,B", "dedup_window_s=2.5"])
    {'long': 0.002, 'symbols': ['A', 'B'], 'dedup_window_ns': 2500000000}
    """
    found: dict[str, Any] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterRefused(f"{text!r}: write NAME=VALUE")
        if name not in (ROUTER_PARAMETERS - {"dedup_window_ns"}) | {_WINDOW_S}:
            known = ", ".join(sorted((ROUTER_PARAMETERS - {"dedup_window_ns"}) | {_WINDOW_S}))
            raise ParameterRefused(f"parameter {name!r} is not known; there are {known}")
        key = "dedup_window_ns" if name == _WINDOW_S else name
        if key in found:
            raise ParameterRefused(f"parameter {name} is given twice")
        found[key] = _value(name, value.strip())
    return found


def _value(name: str, text: str) -> Any:
    if name in _LISTS:
        return [one.strip() for one in text.split(",") if one.strip()]
    if name == "emit":
        return text
    try:
        number = float(text)
    except ValueError:
        raise ParameterRefused(f"parameter {name}: {text!r} is not a number") from None
    return _nanoseconds(name, number) if name == _WINDOW_S else number


def _nanoseconds(name: str, number: float) -> int:
    if not 0 <= number < 1e9:
        raise ParameterRefused(f"parameter {name}: {number:g} seconds can't be a window")
    return round(number * SECOND)
