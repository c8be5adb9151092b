"""Settings of the policy ``calibrated``, and how its budget of false alarms is divided."""

import hashlib
from dataclasses import asdict, dataclass, field

import orjson


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """How the budget is divided; parts of one whole, at most 1 together."""

    ic: float = 0.5
    score: float = 0.1
    features: float = 0.4

    def __post_init__(self) -> None:
        parts = (self.ic, self.score, self.features)
        if min(parts) <= 0 or sum(parts) > 1 + 1e-12:
            raise ValueError(f"shares {parts}: each above 0, together at most 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibratedSettings:
    """Settings. ``floor``: the part of its held-out IC that a model must keep. ``quiet``: sessions without an alarm
    that end a spell. ``wide``: features in a spell at one time that make the alert severe. ``label_wait``: sessions
    with predictions and no label, beyond the overlap, that are an alert of their own.
    """

    name: str = "calibrated"
    budget: float = 1.0
    sessions_a_year: int = 252
    floor: float = 0.75
    quiet: int = 40
    wide: int = 3
    label_wait: int = 10
    cap: float = 3.0
    ic_stakes: tuple[float, ...] = (0.5, 1.0)
    shape_stakes: tuple[float, ...] = (0.5, 1.0, 2.0)
    scale_memory: int = 60
    shares: Shares = field(default_factory=Shares)

    def __post_init__(self) -> None:
        if not 0 < self.budget <= self.sessions_a_year / 2:
            raise ValueError(f"budget {self.budget}: above 0 and at most half of {self.sessions_a_year} sessions")
        if not 0 < self.floor <= 1 or self.quiet < 1 or self.wide < 1 or self.label_wait < 1:
            raise ValueError(f"{self}: 0 < floor <= 1, and quiet, wide, label_wait at least 1")
        if self.cap <= 0 or self.scale_memory < 2 or min(*self.ic_stakes, *self.shape_stakes) <= 0:
            raise ValueError(f"{self}: cap and stakes above 0, scale_memory at least 2")

    @property
    def fingerprint(self) -> str:
        """Digest of all settings."""
        return hashlib.sha256(orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

    def threshold(self, share: float, charts: int = 1) -> float:
        """A for each of ``charts`` charts that divide a share of the budget."""
        return self.sessions_a_year * charts / (self.budget * share)
