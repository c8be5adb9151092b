"""What is deployed at one bar time: a pure fold over the control events in force."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.experiments.assignment import arm_mask
from pipeline.experiments.events import is_stop
from schemas.control import ControlEvent
from schemas.fields import BoolArray, F8Array

#: Parameters that a strategy's events may set, and those that concern the router as a whole (no strategy named).
STRATEGY_PARAMETERS = frozenset(
    {"long", "short", "min_confidence", "symbols", "blocked_symbols", "directions", "filter_confidence"}
)
ROUTER_PARAMETERS = STRATEGY_PARAMETERS | {"dedup_window_ns", "emit"}


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
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
class Experiment:
    """An A/B test: ``arm`` serves the share ``ratio`` of a strategy's symbols, the live model (the control) the rest.

    ``control_capital`` and ``arm_capital`` are shares of the strategy's capital. Without an experiment every symbol
    has a full position, so a side that serves a share s of the symbols uses s of the capital; with a share c it is
    scaled by c / s, and never beyond a full position.
    """

    name: str
    arm: ModelRef
    ratio: float
    control_capital: float
    arm_capital: float

    @property
    def scales(self) -> tuple[float, float]:
        """Position scale of the control's and of the arm's symbols, in (0, 1]."""
        return min(1.0, self.control_capital / (1.0 - self.ratio)), min(1.0, self.arm_capital / self.ratio)


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Who serves which rows of a batch: ``rows`` is a mask (bool, shape (n,)), None for all of them."""

    ref: ModelRef
    role: str
    rows: BoolArray | None = None
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy:
    """One deployment: the live model, if any, its shadows by name and version, the parameters in force for it, and the
    experiment that runs on it, if any (only where there is a live model).
    """

    name: str
    live: ModelRef | None = None
    shadows: tuple[ModelRef, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    experiment: Experiment | None = None

    @property
    def serving(self) -> tuple[ModelRef, ...]:
        """Models whose answers become signals: the live one, then the arm's."""
        refs = (self.live, self.experiment.arm if self.experiment else None)
        return tuple(dict.fromkeys(ref for ref in refs if ref is not None))

    def shares(self, symbols: tuple[str, ...]) -> tuple[Share, ...]:
        """Return who serves which of these rows; every row is in exactly one share, and none if no model is live."""
        if self.live is None:
            return ()
        test = self.experiment
        if test is None:
            return (Share(ref=self.live, role="live"),)
        of_arm = arm_mask(test.name, test.ratio, symbols)
        control, arm = test.scales
        return (
            Share(ref=self.live, role="live", rows=~of_arm, scale=control),
            Share(ref=test.arm, role="arm", rows=of_arm, scale=arm),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployments:
    """All strategies by name, the router's parameters, what is paused and how positions are scaled."""

    strategies: tuple[Strategy, ...] = ()
    router_parameters: Mapping[str, Any] = field(default_factory=dict)
    pauses: tuple[Scope, ...] = ()
    scales: tuple[tuple[Scope, float], ...] = ()

    def of(self, strategy: str) -> Strategy:
        """Return one strategy, an empty one where nothing was decided about it."""
        return next((one for one in self.strategies if one.name == strategy), Strategy(name=strategy))

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
        """All models that predict: live ones and arms, then shadows."""
        serving = [ref for strategy in self.strategies for ref in strategy.serving]
        return tuple(dict.fromkeys([*serving, *(ref for strategy in self.strategies for ref in strategy.shadows)]))


def scope_of(event: ControlEvent) -> Scope:
    """The rows that an event concerns."""
    return Scope(strategy=event.strategy, symbols=frozenset(event.symbols))


def fold(events: Iterable[ControlEvent]) -> Deployments:
    """Apply events in the order in which they take effect. Invalid ones must have been left out (``refusal``).

    An activation or rollback ends the strategy's experiment: then its model serves every symbol. An experiment starts
    in the place of another one, and has no effect where no model is live.
    """
    live: dict[str, ModelRef] = {}
    experiments: dict[str, Experiment] = {}
    shadows: dict[str, set[ModelRef]] = {}
    parameters: dict[str, dict[str, Any]] = {}
    pauses: list[Scope] = []
    scales: list[tuple[Scope, float]] = []
    for event in events:
        scope, ref = scope_of(event), ModelRef(name=event.model, version=event.model_version)
        match event.action:
            case "activate" | "rollback":
                live[event.strategy] = ref
                experiments.pop(event.strategy, None)
            case "experiment":
                _test(experiments, event, has_live=event.strategy in live)
            case "shadow":
                shadows.setdefault(event.strategy, set()).add(ref)
            case "unshadow":
                shadows[event.strategy] = _without(shadows.get(event.strategy, set()), ref)
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
            shadows=tuple(ref for ref in sorted(shadows.get(name, ())) if ref != live.get(name)),
            parameters={**shared, **parameters.get(name, {})},
            experiment=experiments.get(name),
        )
        for name in sorted({*live, *(name for name, refs in shadows.items() if refs)})
    ]
    return Deployments(
        strategies=tuple(strategies), router_parameters=common, pauses=tuple(pauses), scales=tuple(scales)
    )


def _test(running: dict[str, Experiment], event: ControlEvent, *, has_live: bool) -> None:
    """Start or stop an experiment among those that run, by strategy."""
    name, held = event.parameters["experiment"], running.get(event.strategy)
    if is_stop(event):
        if held is not None and held.name == name:
            del running[event.strategy]
    elif has_live:
        running[event.strategy] = experiment_of(event)


def experiment_of(event: ControlEvent) -> Experiment:
    """Return the experiment that a valid start describes."""
    ratio = float(event.parameters["ratio"])
    capital = event.parameters.get("capital") or {"control": 1.0 - ratio, "arm": ratio}
    return Experiment(
        name=event.parameters["experiment"],
        arm=ModelRef(name=event.model, version=event.model_version),
        ratio=ratio,
        control_capital=float(capital["control"]),
        arm_capital=float(capital["arm"]),
    )


def _without(shadows: set[ModelRef], ref: ModelRef) -> set[ModelRef]:
    """Take a model's version out of the shadows; version 0 means all of its versions."""
    return {one for one in shadows if one.name != ref.name or ref.version not in (0, one.version)}
