"""Which terms held for a strategy's row at a bar, and where each came from: control event, manifest or settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.control_checks import is_idle, supersedes
from pipeline.deployments import (
    ROUTER_PARAMETERS,
    STRATEGY_PARAMETERS,
    Deployments,
    ModelRef,
    Scope,
    Strategy,
    scope_of,
)
from pipeline.explanation.facts import ControlFact
from pipeline.routing.model_port import ModelTerms
from pipeline.routing.options import RouterOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """A value and its origin: ``manifest``, ``settings``, or the control event that set it (``by``)."""

    value: Any
    origin: str
    by: ControlFact | None = None


def strategy_terms(
    strategy: Strategy, terms: ModelTerms | None, options: RouterOptions, control: Sequence[ControlFact]
) -> Mapping[str, Term]:
    """Thresholds and filters of one strategy, by name; the model's own are left out where it is not at hand."""
    found: dict[str, Term] = {}
    if terms is not None:
        for name in ("long", "short", "min_confidence"):
            found[name] = Term(value=getattr(terms.thresholds, name), origin="manifest")
    for name in ("symbols", "blocked_symbols", "directions", "filter_confidence"):
        found[name] = Term(value=getattr(options, name), origin="settings")
    for name, value in strategy.parameters.items():
        found[name] = Term(value=value, origin="control", by=_setter(name, strategy.name, control))
    return found


def router_terms(
    deployments: Deployments, options: RouterOptions, control: Sequence[ControlFact]
) -> Mapping[str, Term]:
    """The router's own terms: ``dedup_window_ns``, ``emit``, and what else it may be told."""
    found: dict[str, Term] = {}
    for name in sorted(ROUTER_PARAMETERS - STRATEGY_PARAMETERS):
        found[name] = Term(value=getattr(options, name), origin="settings")
        if name in deployments.router_parameters:
            found[name] = Term(
                value=deployments.router_parameters[name], origin="control", by=_setter(name, "", control)
            )
    return found


def pause_of(
    deployments: Deployments, strategy: str, symbol: str, control: Sequence[ControlFact]
) -> ControlFact | None:
    """The newest event that holds a strategy's row back; None if none does."""
    holding: set[Scope] = {scope for scope in deployments.pauses if scope.mask(strategy, (symbol,))[0]}
    found = [one for one in control if one.event.action == "pause" and scope_of(one.event) in holding]
    return found[-1] if found else None


def serving(strategy: Strategy, symbol: str) -> ModelRef | None:
    """The model that answers for a symbol: the live one, or the arm of an experiment; None if no model is live."""
    shares = strategy.shares((symbol,))
    return next((one.ref for one in shares if one.rows is None or bool(one.rows[0])), None)


def in_force(control: Sequence[ControlFact]) -> tuple[ControlFact, ...]:
    """Events of which something is left: what a later one has replaced is left out."""
    kept = []
    for place, one in enumerate(control):
        later = [other.event for other in control[place + 1 :]]
        if not is_idle(one.event) and not any(supersedes(other, one.event) for other in later):
            kept.append(one)
    return tuple(kept)


def _setter(name: str, strategy: str, control: Sequence[ControlFact]) -> ControlFact | None:
    """The newest event that set a parameter for a strategy, or for all where none did for it alone."""
    setting = [one for one in control if one.event.action == "parameters" and name in one.event.parameters]
    own = [one for one in setting if one.event.strategy == strategy]
    common = [one for one in setting if not one.event.strategy]
    found = own or common
    return found[-1] if found else None
