"""Which rules fire now: those whose spell was open in the drift agent's state at its last checkpoint."""

from collections.abc import Mapping
from typing import Any

from consumers.drift_agent.store import SERVICE
from infra.drift_policies import load_policy
from infra.errors import OperatorError
from infra.settings import Settings
from infra.warehouse.connection import Connection
from infra.warehouse.console_drift import state_size
from pipeline.drift.business import BusinessDays
from pipeline.drift.course import course_from
from pipeline.drift.policies.finding import Policy
from pipeline.drift.series import series_from
from pipeline.drift.shadow_counts import ShadowCounts
from pipeline.drift.training_reference import from_plain
from signaltape.console.drift.agent_state import state_key, unpacked

#: (strategy, subject, rule)
Rule = tuple[str, str, str]


class FiringRules:
    """Rules that fire, computed once for each checkpoint; from any thread: at worst it is computed twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: tuple[object, frozenset[Rule] | None] = (None, None)

    def read(self, connection: Connection) -> frozenset[Rule] | None:
        """The same as ``firing_rules``."""
        checkpoint = state_size(connection, SERVICE, state_key(self._settings))
        kept, found = self._kept
        if checkpoint is None or kept != checkpoint:
            found = firing_rules(connection, self._settings)
            self._kept = (checkpoint, found)
        return found


def firing_rules(connection: Connection, settings: Settings) -> frozenset[Rule] | None:
    """Rules that fire; None where nobody knows: no state that can be read, or one of another policy than ours."""
    _, _, state = unpacked(connection, settings)
    if state is None:
        return None
    try:
        policy = load_policy(settings.drift.policy)
    except OperatorError:  # the panel of the policy says so
        return None
    return firing_in(state, policy) if state["policy"] == policy.fingerprint else None


def firing_in(state: Mapping[str, Any], policy: Policy) -> frozenset[Rule]:
    """The same of a state that ``policy`` made."""
    references = {(model, version): from_plain(plain) for model, version, plain in state["references"]}
    found = set(ShadowCounts.restore(state["shadows"]).firing())
    if "business" in state:
        found.update(BusinessDays.restore(state["business"]).firing())
    for key, plain in state["courses"]:
        series = series_from(tuple(key))
        course = course_from(plain, policy, references[series.model, series.version], same_policy=True)
        found.update((series.strategy, series.subject, rule) for rule in course.watch.firing(course.last))
    return frozenset(found)
