"""Settings of the triggers."""

from dataclasses import dataclass
from math import isfinite

from schemas.alerts import SEVERITIES


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrainingRules:
    """When a trigger fires.

    ``drifted_features``: so many features whose PSI is above ``drifted_psi`` (strictly) on the newest session, which
    may be ``stale_sessions`` old at the most. ``degradation``: the share of the baseline that the mean IC of the last
    ``sessions`` sessions may lose; fewer than ``minimum_sessions`` say nothing. ``confidence``: the loss must be
    beyond chance at this level (one-sided), 0 asks for no more than the plain comparison. ``severity``: the least of an
    alert that counts. ``cooldown_days``: so long after a cycle that made a model no trigger starts another one.
    """

    drifted_features: int = 3
    drifted_psi: float = 0.2
    stale_sessions: int = 7
    degradation: float = 0.05
    sessions: int = 20
    minimum_sessions: int = 10
    confidence: float = 0.95
    severity: str = "severe"
    cooldown_days: float = 5.0

    def __post_init__(self) -> None:
        for ok, rule in (
            (self.drifted_features >= 1, "drifted_features must be at least 1"),
            (isfinite(self.drifted_psi) and self.drifted_psi > 0, "drifted_psi must be above 0"),
            (self.stale_sessions >= 1, "stale_sessions must be at least 1"),
            (0 <= self.degradation < 1, "degradation must lie in [0, 1)"),
            (2 <= self.minimum_sessions <= self.sessions, "needed is 2 <= minimum_sessions <= sessions"),
            (self.confidence == 0 or 0.5 < self.confidence < 1, "confidence must be 0 or lie in (0.5, 1)"),
            (self.severity in SEVERITIES, f"severity must be one of {', '.join(SEVERITIES)}"),
            (self.cooldown_days >= 0, "cooldown_days must not be negative"),
        ):
            if not ok:
                raise ValueError(rule)
