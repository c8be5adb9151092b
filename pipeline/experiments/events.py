"""Control events of kind ``experiment``: what they carry, and why one can't be obeyed.

Parameters of a start: ``experiment`` (its name), ``ratio`` (share of the symbols that the arm serves, between 0 and 1)
and, if wanted, ``capital``: {``control``: share, ``arm``: share}, together at most 1; without it each side has the
capital of its symbols. Of a stop: ``experiment`` and ``stop`` = true.
"""

import math
from typing import Any, TypeGuard

from schemas.control import ControlEvent
from schemas.names import MAX_NAME, is_name

_KNOWN = frozenset({"experiment", "ratio", "capital", "stop"})
#: Shares that add up to one in decimals may not do so in floats.
_ROUNDING = 1e-9


def is_stop(event: ControlEvent) -> bool:
    """True if an event of kind ``experiment`` ends one."""
    return event.parameters.get("stop") is True


def experiment_refusal(event: ControlEvent) -> str:
    """Return why an event of kind ``experiment`` can't be obeyed, "" if it can."""
    given = event.parameters
    name, stop = given.get("experiment"), given.get("stop", False)
    if not event.strategy or event.symbols:
        return "experiment must name a strategy and no symbols: the hash chooses them"
    if not isinstance(name, str) or not is_name(name):
        return f"experiment needs a name of 1 to {MAX_NAME} characters"
    if unknown := sorted(set(given) - _KNOWN):
        return f"experiment {name}: does not know {', '.join(unknown)}; it knows {', '.join(sorted(_KNOWN))}"
    if not isinstance(stop, bool):
        return f"experiment {name}: stop can't be {stop!r}"
    return "" if stop else _start_refusal(event, name)


def _start_refusal(event: ControlEvent, name: str) -> str:
    ratio, capital = event.parameters.get("ratio"), event.parameters.get("capital")
    if not event.model or event.model_version < 1:
        return f"experiment {name} must name the arm's model and its version"
    if not _is_share(ratio) or not 0.0 < ratio < 1.0:
        return f"experiment {name}: ratio must be a number between 0 and 1, got {ratio!r}"
    if capital is None:
        return ""
    if not isinstance(capital, dict) or set(capital) != {"control", "arm"} or not all(map(_is_share, capital.values())):
        return f"experiment {name}: capital must give control and arm a share of at least 0 each, got {capital!r}"
    if capital["control"] + capital["arm"] > 1.0 + _ROUNDING:
        return f"experiment {name}: control and arm together can't have more than all of the capital, got {capital!r}"
    return ""


def _is_share(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
