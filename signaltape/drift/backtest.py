"""Drift policies over simulated models: many models, several processes, one summary a policy."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Any

from infra.errors import OperatorError
from pipeline.drift.policies.classic import ClassicPolicy
from pipeline.drift.policies.finding import Policy
from pipeline.drift.simulation.scaling import centres, factor_for
from pipeline.drift.simulation.scenario import Scenario
from pipeline.drift.simulation.summary import Summary, summarise
from pipeline.drift.simulation.trial import A_YEAR, Trial, trial
from pipeline.drift.simulation.world import world

#: Models on which a factor is chosen; they are others than those on which it is then measured.
SCALING_MODELS, SCALING_SESSIONS = 20, 1008
_SCALING_FROM = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is run: ``models`` of a ``scenario``, drawn from a ``seed``, under ``policies``, with ``faults``."""

    scenario: Scenario
    models: int
    seed: int
    policies: tuple[Policy, ...]
    faults: tuple[str, ...]


def run(plan: Plan, *, workers: int = 1, progress: Callable[[str], None] = lambda _: None) -> tuple[Summary, ...]:
    """Try every model; the result depends on the plan only, not on the number of processes."""
    one = partial(_trial, plan)
    trials: list[tuple[Trial, ...]] = []
    for number, found in enumerate(_each(one, plan.models, workers), 1):
        trials.append(found)
        if number % 25 == 0 or number == plan.models:
            progress(f"{plan.scenario.name}: {number:,} of {plan.models:,} models")
    years = plan.scenario.sessions / A_YEAR
    return tuple(
        summarise(policy.name, [each[at] for each in trials], years=years) for at, policy in enumerate(plan.policies)
    )


def _trial(plan: Plan, number: int) -> tuple[Trial, ...]:
    return trial(plan.scenario, plan.seed, number, plan.policies, plan.faults)


def _each(one: Callable[[int], tuple[Trial, ...]], models: int, workers: int) -> Iterator[tuple[Trial, ...]]:
    """In the order of the models, in this process or in others."""
    if workers <= 1:
        yield from map(one, range(models))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(one, range(models))


def scaled_to_budget(policy: Policy, scenario: Scenario, seed: int, *, budget: float = 1.0) -> tuple[Policy, float]:
    """A ``classic`` policy with its thresholds moved until it keeps the budget on healthy models, and the factor."""
    if not isinstance(policy, ClassicPolicy):
        raise OperatorError(f"policy {policy.name} has a budget of its own: --scale-to-budget is for classic ones")
    drawn = replace(scenario, sessions=SCALING_SESSIONS, lean=False)
    histories = [world(drawn, seed, _SCALING_FROM + number).history() for number in range(SCALING_MODELS)]
    try:
        factor = factor_for(policy, histories, budget=budget)
        moved = policy.scaled(factor, centres(histories))
    except ValueError as error:
        raise OperatorError(f"policy {policy.name} can't be scaled: {error}") from error
    return replace(moved, name=f"{policy.name} ×{factor:.2f}"), factor


def with_scaled(plan: Plan) -> Plan:
    """The plan, with each of its classic policies also scaled to one false alarm a year."""
    scaled = [
        scaled_to_budget(one, plan.scenario, plan.seed)[0] for one in plan.policies if isinstance(one, ClassicPolicy)
    ]
    if not scaled:
        raise OperatorError("--scale-to-budget is for classic policies: give --policy classic as well")
    return replace(plan, policies=(*plan.policies, *scaled))


def document(plan: Plan, summaries: Sequence[Summary]) -> dict[str, Any]:
    """JSON form of a run."""
    return {
        "scenario": asdict(plan.scenario),
        "seed": plan.seed,
        "policies": [asdict(one) for one in summaries],
    }
