"""What is deployed at one bar time: a pure fold over the control events in force."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.control import ControlEvent
from schemas.fields import BoolArray, F8Array

#: Parameters that a strategy's events may set, and those that concern the router as a whole (no strategy named).
STRATEGY_PARAMETERS = frozenset(
    {"long", "short", "min_confidence", "symbols", "blocked_symbols", "directions", "filter_confidence"}
)
ROUTER_PARAMETERS = STRATEGY_PARAMETERS | {"dedup_window_ns", "emit"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRef:
    """A model by name and version."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Rows that an event concerns: one strategy ("" = all) and some symbols (none named = all)."""

    strategy: str
    symbols: frozenset[str] = frozenset()

    def covers(self, other: "Scope") -> bool:
        """True if every row of ``other`` lies in this scope."""
        if self.strategy not in ("", other.strategy):
            return False
        return not self.symbols or (bool(other.symbols) and other.symbols <= self.symbols)

    def mask(self, strategy: str, symbols: tuple[str, ...]) -> BoolArray:
        """Return which of a strategy's rows lie in this scope (bool, shape (n,))."""
        if self.strategy not in ("", strategy):
            return np.zeros(len(symbols), dtype=np.bool_)
        if not self.symbols:
            return np.ones(len(symbols), dtype=np.bool_)
        return np.fromiter((symbol in self.symbols for symbol in symbols), dtype=np.bool_, count=len(symbols))


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy:
    """One deployment: the live model, if any, its shadows by name, and the parameters in force for it."""

    name: str
    live: ModelRef | None = None
    shadows: tuple[ModelRef, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployments:
    """All strategies by name, the router's parameters, what is paused and how positions are scaled."""

    strategies: tuple[Strategy, ...] = ()
    router_parameters: Mapping[str, Any] = field(default_factory=dict)
    pauses: tuple[Scope, ...] = ()
    scales: tuple[tuple[Scope, float], ...] = ()

    def paused(self, strategy: str, symbols: tuple[str, ...]) -> BoolArray:
        """Return which rows make no signals (bool, shape (n,))."""
        mask = np.zeros(len(symbols), dtype=np.bool_)
        for scope in self.pauses:
            mask |= scope.mask(strategy, symbols)
        return mask

    def scale(self, strategy: str, symbols: tuple[str, ...]) -> F8Array:
        """Return the position scale of each row (float64, shape (n,)); a later event wins over an earlier one."""
        scale = np.ones(len(symbols))
        for scope, factor in self.scales:
            scale[scope.mask(strategy, symbols)] = factor
        return scale

    def models(self) -> tuple[ModelRef, ...]:
        """All models that predict: live ones and shadows."""
        live = [strategy.live for strategy in self.strategies if strategy.live is not None]
        return tuple(dict.fromkeys([*live, *(ref for strategy in self.strategies for ref in strategy.shadows)]))


def scope_of(event: ControlEvent) -> Scope:
    """The rows that an event concerns."""
    return Scope(strategy=event.strategy, symbols=frozenset(event.symbols))


def fold(events: Iterable[ControlEvent]) -> Deployments:
    """Apply events in the order in which they take effect. Invalid ones must have been left out (``refusal``)."""
    live: dict[str, ModelRef | None] = {}
    shadows: dict[str, dict[str, ModelRef]] = {}
    parameters: dict[str, dict[str, Any]] = {}
    pauses: list[Scope] = []
    scales: list[tuple[Scope, float]] = []
    for event in events:
        scope, ref = scope_of(event), ModelRef(name=event.model, version=event.model_version)
        match event.action:
            case "activate" | "rollback":
                live[event.strategy] = ref
            case "shadow":
                shadows.setdefault(event.strategy, {})[event.model] = ref
            case "unshadow":
                shadows.get(event.strategy, {}).pop(event.model, None)
            case "pause":
                pauses.append(scope)
            case "resume":
                pauses = [held for held in pauses if not scope.covers(held)]
            case "parameters":
                parameters.setdefault(event.strategy, {}).update(event.parameters)
            case "position_scale":
                scales = [held for held in scales if not scope.covers(held[0])]
                scales.append((scope, float(event.parameters["scale"])))
    common = parameters.get("", {})
    shared = {key: value for key, value in common.items() if key in STRATEGY_PARAMETERS}
    strategies = [
        Strategy(
            name=name,
            live=live.get(name),
            shadows=tuple(ref for _, ref in sorted(shadows.get(name, {}).items()) if ref != live.get(name)),
            parameters={**shared, **parameters.get(name, {})},
        )
        for name in sorted({*live, *shadows})
    ]
    return Deployments(
        strategies=tuple(strategies), router_parameters=common, pauses=tuple(pauses), scales=tuple(scales)
    )
