"""What a report is made of, plain values; everything that could not be read is a sentence in ``problems``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from infra.warehouse.daily import DayAlert, DayDecision
from pipeline.drift.metric import DriftMetric


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureState:
    """How fresh one set's features are in one interval."""

    feature_set: str
    interval: str
    warm: int
    warming: int
    stale: int
    newest: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelState:
    """A strategy's live model: since when it is live, its age since it was made, its stage, its shadows."""

    strategy: str
    live: str
    since: datetime
    made_at: datetime | None
    stage: str
    shadows: Sequence[str]
    paused: bool
    baseline: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """``session``: days since the epoch. ``bars``, ``marks``: of the session, marks by kind."""

    session: int
    made_at: datetime
    features: Sequence[FeatureState] = ()
    bars: int = 0
    marks: Mapping[str, int] = field(default_factory=dict)
    open_repairs: int = 0
    models: Sequence[ModelState] = ()
    metrics: Sequence[DriftMetric] = ()
    alerts: Sequence[DayAlert] = ()
    decisions: Sequence[DayDecision] = ()
    problems: Sequence[str] = ()
