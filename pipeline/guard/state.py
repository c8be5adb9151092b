"""What the guard remembers of a strategy, and what is in force for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.deployments import Deployments, ModelRef, fold
from pipeline.succession import Succession, successions
from schemas.control import ControlEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class PastStep:
    """A step that was taken (or, in dry run, would have been). ``replaced``: the model that it took out, if any.

    ``taken_at``: when it was decided (ns UTC); None in a drill, whose alerts are published together.
    """

    session: int
    rung: str
    replaced: ModelRef | None = None
    taken_at: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Veto:
    """An operator's word that nothing happens by itself; ``until`` (ns UTC) None: until it is lifted."""

    strategy: str
    reason: str
    by_whom: str
    until: int | None = None

    def active(self, at: int) -> bool:
        """True if it holds at ``at`` (ns UTC)."""
        return self.until is None or at < self.until


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardState:
    """Of one strategy and mode: ``steps`` in the order in which they were taken, ``alerts``: the sessions of alerts
    that counted, steps or not, in any order.
    """

    steps: tuple[PastStep, ...] = ()
    alerts: tuple[int, ...] = ()
    veto: Veto | None = None

    def since_quiet(self, session: int, reset_sessions: int) -> tuple[PastStep, ...]:
        """Return the steps of the trouble that an alert of ``session`` belongs to.

        Going back from it, ``reset_sessions`` sessions in a row without an alert end it.
        """
        begin = session
        for earlier in sorted({one for one in self.alerts if one < session}, reverse=True):
            if begin - earlier > reset_sessions:
                break
            begin = earlier
        return tuple(step for step in self.steps if step.session >= begin)


@dataclass(frozen=True, kw_only=True, slots=True)
class InForce:
    """What is in force once every control event so far acts.

    ``registered``: models that are there. ``unloadable``: model → why an inference instance can't load it.
    """

    deployments: Deployments
    successions: Mapping[str, Succession]
    registered: frozenset[ModelRef]
    unloadable: Mapping[ModelRef, str] = field(default_factory=dict)

    def live(self, strategy: str) -> ModelRef | None:
        """The strategy's live model, None if it never had one."""
        return self.of(strategy).live

    def of(self, strategy: str) -> Succession:
        """The strategy's succession, an empty one if it never had a model."""
        return self.successions.get(strategy, Succession(strategy=strategy))

    def least_scale(self, strategy: str) -> float:
        """The smallest position scale in force for any row of the strategy; 1 where none was set."""
        found = [1.0]
        for scope, factor in self.deployments.scales:
            if scope.strategy in ("", strategy):
                found = [*found, factor] if scope.symbols else [factor]
        return min(found)

    def paused(self, strategy: str) -> bool:
        """True if the whole strategy makes no signals."""
        return any(scope.strategy in ("", strategy) and not scope.symbols for scope in self.deployments.pauses)


def in_force(events: Sequence[ControlEvent], registered: frozenset[ModelRef]) -> InForce:
    """Return what ``events``, valid and in the order of effect, lead to."""
    return InForce(deployments=fold(events), successions=successions(events), registered=registered)
