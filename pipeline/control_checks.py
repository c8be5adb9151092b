"""Control events: which can't be obeyed, and which leave nothing of an earlier one."""

import math
from typing import Any

from pipeline.deployments import ROUTER_PARAMETERS, STRATEGY_PARAMETERS, scope_of
from pipeline.experiments.events import experiment_refusal, is_stop
from pipeline.routing.options import EMIT_MODES
from schemas.control import CONTROL_ACTIONS, ControlEvent
from schemas.predictions import DIRECTIONS


def refusal(event: ControlEvent) -> str:
    """Return why an event can't be obeyed, "" if it can. A refused event is received and has no effect."""
    if event.action not in CONTROL_ACTIONS:
        return f"action {event.action!r} is not known"
    if event.action == "experiment":
        return experiment_refusal(event)
    if event.action in ("activate", "rollback", "shadow"):
        if not event.strategy or not event.model or event.model_version < 1:
            return f"{event.action} must name a strategy, a model and its version"
        if event.symbols:
            return f"{event.action} concerns all symbols of a strategy: name none"
    if event.action == "unshadow" and not (event.strategy and event.model and event.model_version >= 0):
        return "unshadow must name a strategy and a model, and a version unless it means all of them"
    if event.action == "position_scale" and not _is_number(event.parameters.get("scale"), low=0.0):
        return "position_scale needs the parameter scale, a number of at least 0"
    if event.action == "parameters":
        return _parameter_refusal(event)
    return ""


def _parameter_refusal(event: ControlEvent) -> str:
    known = STRATEGY_PARAMETERS if event.strategy else ROUTER_PARAMETERS
    unknown = sorted(set(event.parameters) - known)
    if unknown or not event.parameters or event.symbols:
        what = f"does not know {', '.join(unknown)}" if unknown else "needs at least one parameter and no symbols"
        return f"parameters of {event.strategy or 'the router'}: {what}; it knows {', '.join(sorted(known))}"
    for name, value in event.parameters.items():
        if not _fits(name, value):
            return f"parameter {name} can't be {value!r}"
    long, short = event.parameters.get("long"), event.parameters.get("short")
    if long is not None and short is not None and short > long:
        return f"threshold short ({short}) must not exceed long ({long})"
    return ""


def _fits(name: str, value: Any) -> bool:
    if name == "emit":
        return value in EMIT_MODES
    if name in ("symbols", "blocked_symbols", "directions"):
        allowed = DIRECTIONS if name == "directions" else None
        return isinstance(value, list | tuple) and all(
            isinstance(item, str) and (allowed is None or item in allowed) for item in value
        )
    if name == "dedup_window_ns":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return _is_number(value, low=0.0 if name.endswith("confidence") else -math.inf)


def _is_number(value: Any, low: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= low


def supersedes(later: ControlEvent, earlier: ControlEvent) -> bool:
    """True if nothing of ``earlier`` is left wherever ``later`` is in force too."""
    if later.action in ("activate", "rollback"):
        return earlier.action in ("activate", "rollback", "experiment") and earlier.strategy == later.strategy
    if later.action == "experiment":
        return _supersedes_experiment(later, earlier)
    if later.action in ("shadow", "unshadow"):
        same = (earlier.strategy, earlier.model) == (later.strategy, later.model)
        every_version = later.action == "unshadow" and later.model_version == 0
        covered = every_version or earlier.model_version == later.model_version
        return earlier.action in ("shadow", "unshadow") and same and covered
    if later.action == "parameters":
        same = earlier.action == "parameters" and earlier.strategy == later.strategy
        return same and set(earlier.parameters) <= set(later.parameters)
    if later.action == "position_scale":
        return earlier.action == "position_scale" and scope_of(later).covers(scope_of(earlier))
    if later.action == "resume":
        return earlier.action in ("pause", "resume") and scope_of(later).covers(scope_of(earlier))
    if later.action == "pause":
        return earlier.action == "pause" and scope_of(later) == scope_of(earlier)
    return False


def _supersedes_experiment(later: ControlEvent, earlier: ControlEvent) -> bool:
    """A start takes the place of whatever ran; a stop ends its own experiment only."""
    same = earlier.action == "experiment" and earlier.strategy == later.strategy
    own = earlier.parameters.get("experiment") == later.parameters.get("experiment")
    return same and (own or not is_stop(later))


def is_idle(event: ControlEvent) -> bool:
    """True if an event does nothing once no earlier one is left that it undoes."""
    return event.action in ("resume", "unshadow") or (event.action == "experiment" and is_stop(event))
