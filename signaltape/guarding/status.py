"""The guard as it stands: what is in force for each strategy, and what the next alert would lead to."""

import time
from dataclasses import dataclass

from consumers.responder.deciding import events_so_far
from infra.settings import Settings
from infra.warehouse import Warehouse
from infra.warehouse.guard import StepRow, state_of, steps
from pipeline.deployments import ModelRef
from pipeline.guard.decision import Refusal, Step
from pipeline.guard.drill import rehearse
from pipeline.guard.state import Veto, in_force


@dataclass(frozen=True, kw_only=True, slots=True)
class StrategyStatus:
    """``following``: what the guard would do about a severe alert that came now. ``last``: its newest decision."""

    strategy: str
    live: ModelRef | None
    position_scale: float
    paused: bool
    veto: Veto | None
    following: Step | Refusal
    last: StepRow | None


def status(settings: Settings) -> list[StrategyStatus]:
    """Return the state of every strategy that ever had a model. Raises TopicError, WarehouseUnavailable."""
    policy, prefix, at = settings.guard.policy(), settings.topics.prefix, time.time_ns()
    found = []
    with Warehouse(settings, "signaltape-guard") as warehouse:
        events, registered = events_so_far(settings, warehouse)
        now = in_force(events, registered)
        for name in sorted(now.successions):
            mode = "dry_run" if policy.mode == "off" else policy.mode
            state = warehouse.run(lambda one: state_of(one, prefix, name, mode))  # noqa: B023
            rows = warehouse.run(lambda one: steps(one, prefix, strategy=name, drill="", limit=1))  # noqa: B023
            told = rehearse("status", name, events=events, registered=registered, policy=policy, state=state, at=at)
            found.append(
                StrategyStatus(
                    strategy=name,
                    live=now.live(name),
                    position_scale=now.least_scale(name),
                    paused=now.paused(name),
                    veto=state.veto,
                    following=next(told).answer,
                    last=rows[0] if rows else None,
                )
            )
    return found
