"""Policy ``calibrated``: sequential detectors that share a budget of false alarms.

Shared by a stated rule: of ``budget`` false alarms a year, ``shares`` give the IC, the score's distribution and the
features their part; the features divide theirs equally, and each row its part over the five directions in which its
shape can leave the band. A chart with b false alarms a year gets the threshold A = sessions a year / b, and its
e-detector raises at most one false alarm in A sessions (``e_detector``), so all together at most ``budget`` a year.

The bound rests on what the charts assume while a model is healthy, given what was known ``overlap`` sessions before:

- IC: symmetric about a median of at least ``floor`` times the held-out IC. Scale, tails and volatility don't matter.
- score and features: each number of a session's shape is sub-Gaussian, with the reference's scale, about a mean inside
  the band (``bands``): the range that the reference's sessions spanned and two of their standard deviations on each
  side. Slow movement inside it, as in another regime that the reference has seen, is healthy.

Measured, not proven, is that slow healthy features stay inside: docs/drift-policies.md.
"""

from dataclasses import dataclass, field
from typing import Any

from pipeline.drift.day import SeriesDay
from pipeline.drift.policies.calibrated_settings import CalibratedSettings
from pipeline.drift.policies.coefficient_chart import CoefficientChart
from pipeline.drift.policies.finding import Finding, Member
from pipeline.drift.policies.shape_charts import ShapeCharts
from pipeline.drift.training_reference import TrainingReference

#: A session before all others.
NEVER = -(1 << 40)


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibratedPolicy:
    """The policy with its settings."""

    settings: CalibratedSettings = field(default_factory=CalibratedSettings)

    @property
    def name(self) -> str:
        """Name in metrics and alerts."""
        return self.settings.name

    @property
    def fingerprint(self) -> str:
        """Digest of all settings."""
        return self.settings.fingerprint

    def watch(self, reference: TrainingReference) -> "CalibratedWatch":
        """Begin to watch a series of a model with this reference."""
        return CalibratedWatch(self.settings, reference)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    """What an alert about shapes is called, and what to do about it."""

    name: str
    severity: str
    action: str


_FELL, _MISSING = "ic_fell", "labels_missing"
_SCORE = _Rule(name="score_moved", severity="warning", action="compare the inputs with training; think of retraining")
_FEATURES = _Rule(name="features_moved", severity="warning", action="look at the features' inputs; watch the IC")
_MANY = _Rule(name="features_moved_widely", severity="severe", action="look at the feed first, then retrain")


class CalibratedWatch:
    """The detectors of one series."""

    def __init__(self, policy: CalibratedSettings, reference: TrainingReference) -> None:
        self._policy = policy
        self._ic = CoefficientChart(policy, reference)
        self._score = ShapeCharts(policy, reference.score, policy.shares.score, rows=1)
        features = reference.features
        rows = len(features.names) if features else 0
        bands = features.bands if features else None
        self._features = ShapeCharts(policy, bands, policy.shares.features, rows=rows)
        self._overlap = reference.overlap
        self._unlabelled = 0
        self._wide = False
        self._told = NEVER

    def look(self, day: SeriesDay) -> tuple[Finding, ...]:
        """Take the next session of the series."""
        return (*self._coefficient(day), *self._labels(day), *self._score_shape(day), *self._feature_shapes(day))

    def firing(self, session: int) -> frozenset[str]:
        """Rules whose spell is open."""
        moved = self._features.open_at(session)
        now = {
            _FELL: self._ic.open_at(session),
            _MISSING: self._unlabelled >= self._overlap + self._policy.label_wait,
            _SCORE.name: self._score.open_at(session),
            _FEATURES.name: moved,
            _MANY.name: moved and self._wide,
        }
        return frozenset(rule for rule, holds in now.items() if holds)

    def snapshot(self) -> Any:
        """State as plain values."""
        return [
            self._ic.snapshot(),
            self._score.snapshot(),
            self._features.snapshot(),
            self._unlabelled,
            self._wide,
            self._told,
        ]

    def restore(self, state: Any) -> None:
        """Take over a snapshot of the same policy and reference."""
        ic, score, features, self._unlabelled, self._wide, self._told = state
        self._ic.restore(ic)
        self._score.restore(score)
        self._features.restore(features)

    def _coefficient(self, day: SeriesDay) -> tuple[Finding, ...]:
        value = day.values.get("ic")
        look = None if value is None else self._ic.look(day.session, value)
        if look is None or value is None:
            return ()
        policy, chart = self._policy, self._ic
        return (
            Finding(
                rule=_FELL, metric="ic", severity="severe",
                action="reduce the position; compare with a fallback model; look at the features",
                session=day.session, value=value, threshold=chart.floor, side="below", onset=int(look.onset[0]),
                days=day.session - int(look.onset[0]) + 1, budget=policy.budget * policy.shares.ic,
                evidence={
                    "e_value": float(look.evidence[0]), "e_threshold": policy.threshold(policy.shares.ic),
                    "mean_since_onset": chart.mean_since(int(look.onset[0])), "held_out_ic": chart.held_out,
                },
            ),
        )  # fmt: skip

    def _labels(self, day: SeriesDay) -> tuple[Finding, ...]:
        """Labels that don't come are silence, not health."""
        if "ic" in day.values:
            self._unlabelled = 0
        elif day.predicted:
            self._unlabelled += 1
        limit = self._overlap + self._policy.label_wait
        if self._unlabelled != limit:
            return ()
        return (
            Finding(
                rule=_MISSING, metric="unlabelled_sessions", severity="warning",
                action="look at the returns: bars late, fewer names than an IC needs, or a horizon that never matures",
                session=day.session, value=float(self._unlabelled), threshold=float(limit), side="above",
                onset=day.session - limit + 1, days=limit,
            ),
        )  # fmt: skip

    def _score_shape(self, day: SeriesDay) -> tuple[Finding, ...]:
        if day.score_shape is None or day.score_known is None:
            return ()
        opened = self._score.look(day.session, day.score_shape, day.score_known, ("score",))
        return tuple(self._finding(_SCORE, one, day.session, self._score) for one in opened.members)

    def _feature_shapes(self, day: SeriesDay) -> tuple[Finding, ...]:
        """One alert for all features that begin to move within a spell, and one more where they become many.

        Some feature may move for years: after ``quiet`` sessions without an alert, one more that begins is told.
        """
        features = day.features
        if features is None:
            return ()
        opened = self._features.look(day.session, features.shape, features.shape_known, features.names)
        wide, self._wide = self._wide, opened.open >= self._policy.wide
        if not opened.members:
            return ()
        if self._wide and not wide:
            rule = _MANY
        elif opened.first or day.session - self._told > self._policy.quiet:
            rule = _FEATURES
        else:
            return ()
        self._told = day.session
        worst = max(opened.members, key=lambda member: (member.value, member.name))
        return (self._finding(rule, worst, day.session, self._features, opened.members),)

    def _finding(
        self, rule: _Rule, worst: Member, session: int, charts: ShapeCharts, members: tuple[Member, ...] = ()
    ) -> Finding:
        return Finding(
            rule=rule.name, metric="shape", severity=rule.severity, action=rule.action, session=session,
            value=worst.value, threshold=charts.threshold, side="above",
            onset=min([worst.onset, *(one.onset for one in members)]), days=session - worst.onset + 1,
            budget=charts.budget, members=members,
            evidence={"e_value": worst.value, "e_threshold": charts.threshold, "says": worst.says},
        )  # fmt: skip
