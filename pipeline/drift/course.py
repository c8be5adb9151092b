"""How one series has fared: the policy's watch over it, and its recent daily figures."""

from dataclasses import dataclass, field
from typing import Any

from pipeline.drift.policies.finding import Policy, Watch
from pipeline.drift.training_reference import TrainingReference

#: Sessions and values, oldest first.
History = list[tuple[int, float]]


@dataclass(kw_only=True, slots=True)
class Course:
    """``history``: daily ICs; ``profits``: daily log returns of following the scores; both with their sessions.

    ``last``: the newest session that brought anything of the series, figures or not.
    """

    watch: Watch
    last: int = 0
    history: History = field(default_factory=list)
    profits: History = field(default_factory=list)

    def remember(self, session: int, *, coefficient: float | None, profit: float | None, lookback: int) -> None:
        """Add a session's figures, and forget what is older than ``lookback`` sessions with data."""
        self.last = session
        if coefficient is not None:
            self.history = [*self.history, (session, coefficient)][-lookback:]
        if profit is not None:
            self.profits = [*self.profits, (session, profit)][-lookback:]

    def snapshot(self) -> list[Any]:
        """State as plain values."""
        return [self.watch.snapshot(), self.history, self.profits, self.last]


def course_from(state: list[Any], policy: Policy, reference: TrainingReference, *, same_policy: bool) -> Course:
    """Inverse of ``Course.snapshot``; where the policy has changed, its watch begins anew and the figures stay."""
    watch, history, profits, *rest = state
    course = Course(
        watch=policy.watch(reference),
        last=rest[0] if rest else 0,  # of an older form: the next session that brings something says
        history=[(session, value) for session, value in history],
        profits=[(session, value) for session, value in profits],
    )
    if same_policy:
        course.watch.restore(watch)
    return course
