"""Limits of automatic steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.deployments import ModelRef
from schemas.alerts import SEVERITIES

#: Rungs, gentlest first.
RUNGS = ("derisk", "fallback", "rollback", "pause")
#: off: alerts are not looked at. dry_run: steps are recorded and nothing else. act: steps go into ``control``.
MODES = ("off", "dry_run", "act")


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardPolicy:
    """When a step may be taken, and which.

    ``mode``: see ``MODES``. ``severity``: the least that counts. ``ladder``: rungs in order. ``steps_per_session``:
    automatic steps per strategy and session (a UTC day) at the most. ``cooldown_sessions``: a step stands for so long
    before the next one (0: only ``steps_per_session`` limits). ``reset_sessions``: after so many sessions without such
    an alert the ladder begins anew. ``minimum_scale``: positions are not halved below it. ``fallbacks``: strategy →
    model of the second rung. ``ignored_policies``: alerts of these are no statement about a model. ``max_age_s``: an
    alert that was published longer ago is too old to act on.
    """

    mode: str = "dry_run"
    severity: str = "severe"
    ladder: tuple[str, ...] = RUNGS
    steps_per_session: int = 1
    cooldown_sessions: int = 3
    reset_sessions: int = 20
    minimum_scale: float = 0.1
    fallbacks: Mapping[str, ModelRef] = field(default_factory=dict)
    ignored_policies: tuple[str, ...] = ("operations", "business")
    max_age_s: float = 86_400.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, got {self.severity!r}")
        if not self.ladder or len(set(self.ladder)) < len(self.ladder) or not set(self.ladder) <= set(RUNGS):
            raise ValueError(f"ladder must hold some of {', '.join(RUNGS)}, each once, got {list(self.ladder)}")
        if self.reset_sessions <= self.cooldown_sessions:
            raise ValueError(
                f"reset_sessions ({self.reset_sessions}) must be over cooldown_sessions ({self.cooldown_sessions}): "
                "the ladder would begin anew while its last step still stands"
            )

    def counts(self, severity: str) -> bool:
        """True if an alert of this severity is severe enough."""
        return SEVERITIES.index(severity) >= SEVERITIES.index(self.severity)
