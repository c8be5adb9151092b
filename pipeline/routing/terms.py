"""Which terms hold for a strategy's rows: the manifest's and the router's, as control events changed them."""

from typing import Any

from pipeline.deployments import Deployments, Strategy
from pipeline.routing.decision import Thresholds
from pipeline.routing.dedup import DedupRules
from pipeline.routing.filtering import RowFilter
from pipeline.routing.model_port import ModelTerms
from pipeline.routing.options import RouterOptions


def thresholds_in_force(terms: ModelTerms, strategy: Strategy) -> Thresholds:
    """The model's thresholds, each replaced where a control event set it."""
    set_by_control = strategy.parameters
    return Thresholds(
        long=float(set_by_control.get("long", terms.thresholds.long)),
        short=float(set_by_control.get("short", terms.thresholds.short)),
        min_confidence=float(set_by_control.get("min_confidence", terms.thresholds.min_confidence)),
    )


def filter_in_force(options: RouterOptions, strategy: Strategy) -> RowFilter:
    """The router's filter for one strategy."""

    def value(name: str) -> Any:
        return strategy.parameters.get(name, getattr(options, name))

    return RowFilter(
        symbols=frozenset(value("symbols")),
        blocked=frozenset(value("blocked_symbols")),
        directions=frozenset(value("directions")),
        min_confidence=float(value("filter_confidence")),
    )


def rules_in_force(options: RouterOptions, deployments: Deployments) -> DedupRules:
    """The dedup window and the mode of emission."""
    set_by_control = deployments.router_parameters
    return DedupRules(
        window_ns=int(set_by_control.get("dedup_window_ns", options.dedup_window_ns)),
        on_change=set_by_control.get("emit", options.emit) == "on_change",
    )
