"""What the triggers look at: rows of monitoring, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: ``insufficient``: too little data to say either; it never fires, and it is never "fine".
TriggerVerdict = Literal["fired", "quiet", "insufficient"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertRow:
    """One stored alert. ``session``: days since the epoch; ``evidence``: its numbers by name."""

    alert_id: str
    policy: str
    rule: str
    severity: str
    subject: str
    session: int
    message: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What the live model reached when it was made: ``metric`` on its data set ``dataset``."""

    metric: str
    dataset: str
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """What one trigger found. ``detail`` says it in words, ``evidence`` holds the numbers."""

    name: str
    verdict: TriggerVerdict
    detail: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fired(self) -> bool:
        """Whether it asks for a new model."""
        return self.verdict == "fired"
