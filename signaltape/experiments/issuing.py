"""Starting and stopping experiments; what can't be done is refused before anything is written."""

import secrets
from dataclasses import dataclass, replace
from typing import Any

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse.connection import Warehouse
from infra.warehouse.model_stages import Approval, add_approval
from infra.who import current_user
from pipeline.control_checks import refusal
from pipeline.deployments import ModelRef
from pipeline.experiments.history import Span, spans
from signaltape.client.control import new_event
from signaltape.experiments.errors import ExperimentRefused, UnknownExperiment
from signaltape.promotion.deciding import deciding
from signaltape.promotion.evidence import arm_gates
from signaltape.promotion.gates import document, pass_through
from signaltape.promotion.history import Decisions, read_decisions
from signaltape.promotion.stages import cause_of, fill_in
from signaltape.rollout import Activation, issue_and_wait, prepare


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What is tested: ``arm`` serves the share ``ratio`` of the symbols, by hash of ``name`` and symbol.

    ``arm_capital``, ``control_capital``: shares of the strategy's capital. None: that of the arm's symbols, and what
    the arm leaves.
    """

    name: str
    strategy: str
    arm: ModelRef
    ratio: float = 0.5
    arm_capital: float | None = None
    control_capital: float | None = None

    def parameters(self) -> dict[str, Any]:
        """The same for the control event."""
        arm = self.ratio if self.arm_capital is None else self.arm_capital
        control = 1.0 - arm if self.control_capital is None else self.control_capital
        return {"experiment": self.name, "ratio": self.ratio, "capital": {"control": control, "arm": arm}}


def start_experiment(
    settings: Settings, terms: Terms, *, effective_from: int = 0, force: bool = False, reason: str = "",
    deadline_s: float = 30.0,
) -> Activation:  # fmt: skip
    """Start an experiment at one bar on every partition, once every instance has the arm's model ready.

    1. The lock of decisions. 2. What was decided so far; stages that a dead process left out are recorded. 3. The
    terms, then the gates of the arm; ``force`` passes those and needs a reason. 4. Every instance prepares the arm.
    5. The approval is recorded. 6. The event, which names it, is written and seen to arrive. A death before 6 leaves
    nothing in force, at most an approval that nothing names.

    Raises ExperimentRefused for terms that can't be, a name that was used before, a strategy without a live model or
    with an experiment that still runs, and an arm that doesn't predict on all intervals of the live model. Raises
    GateClosed, DecisionRefused where another decision is under way, UnknownModel and other ModelRefused, and what
    ``prepare`` and ``issue_and_wait`` raise.
    """
    event = new_event(
        "experiment", strategy=terms.strategy, model=terms.arm.name, model_version=terms.arm.version,
        parameters=terms.parameters(), effective_from=effective_from, reason=reason,
    )  # fmt: skip
    if why := refusal(event):
        raise ExperimentRefused(why)
    with deciding(settings, deadline_s):  # 1.
        decisions = read_decisions(settings)  # 2.
        fill_in(settings, decisions.events)
        _check(settings, terms, decisions)  # 3.
        gates = arm_gates(settings, terms.arm)
        forced = pass_through(terms.arm, gates, force=force, reason=reason, what="admitted to an experiment")
        prepare(settings, terms.arm, deadline_s=deadline_s)  # 4.
        approval = Approval(
            approval_id=secrets.token_hex(8), action="experiment", strategy=terms.strategy, ref=terms.arm, replaces="",
            forced=forced, reason=reason, verdict=document(gates), by_whom=current_user(),
        )  # fmt: skip
        with Warehouse(settings, "signaltape-approval") as warehouse:
            warehouse.run(lambda connection: add_approval(connection, approval))  # 5.
        approved = replace(event, cause=cause_of(approval.approval_id))
        return issue_and_wait(settings, approved, deadline_s=deadline_s)  # 6.


def stop_experiment(
    settings: Settings, name: str, *, effective_from: int = 0, reason: str = "", deadline_s: float = 30.0
) -> Activation:
    """Stop a running experiment: the live model serves every symbol again.

    Raises UnknownExperiment; ExperimentRefused if it has ended already; DecisionRefused where another decision is
    under way; what ``issue_and_wait`` raises.
    """
    with deciding(settings, deadline_s):
        last = runs_of(read_decisions(settings), name)[-1]
        if last.ended is not None:
            raise ExperimentRefused(f"experiment {name} does not run any more: {last.status}")
        event = new_event(
            "experiment", strategy=last.strategy, model=last.experiment.arm.name,
            model_version=last.experiment.arm.version, parameters={"experiment": name, "stop": True},
            effective_from=effective_from, reason=reason,
        )  # fmt: skip
        return issue_and_wait(settings, event, deadline_s=deadline_s)


def runs_of(decisions: Decisions, name: str) -> list[Span]:
    """Every run of an experiment, at least one. Raises UnknownExperiment."""
    known = spans(decisions.events)
    found = [one for one in known if one.experiment.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(one.experiment.name for one in known)) or "none"
        raise UnknownExperiment(f"no experiment {name!r} was started (there are: {names})")
    return found


def _check(settings: Settings, terms: Terms, decisions: Decisions) -> None:
    registry = ModelRegistry(settings)
    arm = registry.get(terms.arm.name, terms.arm.version)
    if used := [one for one in spans(decisions.events) if one.experiment.name == terms.name]:
        raise ExperimentRefused(f"the name {terms.name} was used before ({used[-1].status}): choose another one")
    strategy = decisions.deployments.of(terms.strategy)
    if strategy.live is None:
        raise ExperimentRefused(f"strategy {terms.strategy!r} has no live model to test against; promote one first")
    if strategy.experiment is not None:
        raise ExperimentRefused(f"experiment {strategy.experiment.name} runs on {terms.strategy}: stop it first")
    live = registry.get(strategy.live.name, strategy.live.version)
    if missing := sorted(set(live.intervals) - set(arm.intervals)):
        raise ExperimentRefused(
            f"{terms.arm} does not predict on {', '.join(missing)} as {strategy.live} does: its symbols would get no "
            "signals there"
        )
    if arm.feature_set not in settings.engine.feature_sets:
        raise ExperimentRefused(
            f"{terms.arm} needs the feature set {arm.feature_set}, which the setting engine.feature_sets leaves out"
        )
