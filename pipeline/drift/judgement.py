"""One series on one session: all its metrics, and what the policy finds in them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.drift.alerting import alert_of
from pipeline.drift.config import DriftConfig
from pipeline.drift.course import Course
from pipeline.drift.day import SeriesDay
from pipeline.drift.feature_days import SetDay
from pipeline.drift.feature_report import feature_report
from pipeline.drift.ledger import Matured
from pipeline.drift.metric import DriftMetric, Place
from pipeline.drift.policies.finding import Finding
from pipeline.drift.profit_report import direction_metrics, profit_metric, sharpe_metrics
from pipeline.drift.report import coefficient_metric, mean_metric, stability_metric, window_metric
from pipeline.drift.score_counts import DayCounts
from pipeline.drift.series import Series
from pipeline.drift.shape import shapes
from pipeline.drift.training_reference import TrainingReference
from schemas.alerts import Alert
from schemas.fields import BoolArray, F8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Observed:
    """What one session brought: counts of the scores (None: no predictions), matured labels, the set's counts."""

    session: int
    day: DayCounts | None
    before: DayCounts | None
    matured: Matured
    features: SetDay | None


def judge(
    series: Series, observed: Observed, reference: TrainingReference, course: Course, config: DriftConfig
) -> tuple[tuple[DriftMetric, ...], tuple[Alert, ...]]:
    """Metrics of one series, and the alerts that they raise; ``course`` moves on by this session.

    A shadow is measured as the others are but raises nothing: no signal comes from it.
    """
    session, minimum = observed.session, config.minimum_names
    place = Place(strategy=series.strategy, subject=series.subject, session=session)
    coefficient = coefficient_metric(place, observed.matured, config)
    profit = profit_metric(place, observed.matured, series.horizon, config)
    course.remember(session, coefficient=coefficient.value, profit=profit.value, lookback=config.lookback)
    earned = (profit, *sharpe_metrics(place, course.profits, config))
    directions = direction_metrics(place, observed.matured, reference.hit_rate, config)
    mean = mean_metric(place, course.history)
    window = window_metric(place, course.history, reference.overlap, config)
    stability = stability_metric(place, observed.day, reference.sketch, minimum=minimum)
    features = feature_report(series, place, reference.features, observed.features, minimum=minimum)
    metrics = (coefficient, mean, window, stability, *earned, *directions, *features.metrics)
    own = [metric for metric in metrics if metric.subject == series.subject]
    shape, known = _score_shape(observed, reference, minimum=minimum)
    day = SeriesDay(
        session=session,
        values={metric.metric: metric.value for metric in own if metric.value is not None},
        predicted=observed.day is not None,
        score_shape=shape,
        score_known=known,
        features=features.day,
    )
    found = course.watch.look(day)
    if not series.acts:
        return metrics, ()
    sizes = _sizes(metrics)
    shown = {"ic": course.history, "sharpe_20": course.profits, "sharpe_5": course.profits}
    name = config.policy.name
    alerts = tuple(
        alert_of(name, series, one, size=_size(one, sizes), recent=shown.get(one.metric, [])) for one in found
    )
    return metrics, alerts


def _sizes(metrics: tuple[DriftMetric, ...]) -> dict[str, int]:
    """Observations by metric; those of a feature by ``feature/<name>``."""
    return {
        f"feature/{one.subject.rsplit('/', 1)[1]}" if one.metric == "feature_psi" else one.metric: one.sample_size
        for one in metrics
    }


def _size(finding: Finding, sizes: Mapping[str, int]) -> int:
    """Observations of the session that a finding rests on: of a group, those of the feature that has most."""
    if finding.members:
        return max(sizes.get(f"feature/{one.name}", 0) for one in finding.members)
    if finding.metric == "shape":
        return sizes.get("psi", 0)
    return sizes.get(finding.metric, finding.days)


def _score_shape(
    observed: Observed, reference: TrainingReference, *, minimum: int
) -> tuple[F8Array | None, BoolArray | None]:
    """Shape (1, 3) of the session's scores against training; None where there are none or no reference."""
    day, sketch = observed.day, reference.sketch
    if day is None or sketch is None or len(day.names) < minimum or len(day.counts) != len(sketch.counts):
        return None, None
    before = observed.before
    comparable = before is not None and len(before.counts) == len(day.counts)
    earlier = before.counts[None, :] if before is not None and comparable else None
    return shapes(np.array(sketch.counts, np.int64), day.counts[None, :], earlier, minimum=minimum)
