"""What a policy says when something is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.drift.day import SeriesDay
from pipeline.drift.training_reference import TrainingReference


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One of several subjects that a finding is about (a feature, say)."""

    name: str
    value: float
    onset: int
    says: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A rule that fired on ``session``; ``onset`` is the session in which the trouble is estimated to have begun.

    ``value`` is beyond ``threshold`` on ``side`` ("below" | "above"), for ``days`` sessions with data. ``budget``:
    false alarms a year that the policy grants to this rule, None where it promises nothing.
    """

    rule: str
    metric: str
    severity: str
    action: str
    session: int
    value: float
    threshold: float
    side: str
    onset: int
    days: int = 1
    budget: float | None = None
    members: tuple[Member, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Watch(Protocol):
    """A policy's eye on one series: has state, sees its sessions in order."""

    def look(self, day: SeriesDay) -> tuple[Finding, ...]:
        """Take the next session; return what fired on it."""

    def firing(self, session: int) -> frozenset[str]:
        """Rules whose spell is open at ``session``, the newest that was looked at: they alarm no more until it ends."""

    def snapshot(self) -> Any:
        """State as plain values."""

    def restore(self, state: Any) -> None:
        """Take over a snapshot of a watch of the same policy and reference."""


class Policy(Protocol):
    """A policy; ``fingerprint`` changes with every setting, so that state of another one is never taken over."""

    @property
    def name(self) -> str:
        """Name in metrics and alerts."""

    @property
    def fingerprint(self) -> str:
        """Digest of all settings."""

    def watch(self, reference: TrainingReference) -> Watch:
        """Begin to watch a series of a model with this reference."""
