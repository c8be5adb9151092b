"""What closing a session says about the features that a series' model reads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.drift.coarse_bins import PARTS, coarse
from pipeline.drift.day import FeatureDay
from pipeline.drift.feature_days import SetDay
from pipeline.drift.kolmogorov_smirnov import TwoSamples, kolmogorov_smirnov_of_counts
from pipeline.drift.metric import DriftMetric, Place
from pipeline.drift.population_stability import ZERO_GUARD, chance_index
from pipeline.drift.results import Insufficient
from pipeline.drift.series import Series
from pipeline.drift.shape import shapes
from pipeline.drift.training_reference import FeatureReference
from pipeline.drift.verdicts import stability_band
from schemas.fields import F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureReport:
    """Metrics of each feature and their maximum, and what the policy sees (None where there is no reference)."""

    metrics: tuple[DriftMetric, ...]
    day: FeatureDay | None


def feature_report(
    series: Series, place: Place, reference: FeatureReference | None, got: SetDay | None, *, minimum: int
) -> FeatureReport:
    """Compare one session's distributions of features with those of training.

    Metrics ``feature_psi`` per feature, subject ``feature/<model>:<version>/<set>:<version>/<interval>/<name>``, and
    ``feature_psi_max`` of the series. A feature that the reference has and the session has not is insufficient. The
    detail ``chance`` is what PSI hardly exceeds in a sample of this size while nothing moves.
    """
    why = ""
    if reference is None:
        why = "the model has no reference of its features"
    elif got is None:
        why = "no statistics of its features in this session"
    elif got.counts.shape[1] != reference.counts.shape[1]:
        why = "the reference has other bins"
    if reference is None or got is None or why:
        missing = Insufficient(n=0, minimum=minimum, reason=why)
        return FeatureReport(metrics=(place.insufficient("feature_psi_max", missing, {}),), day=None)
    day, sizes = _day(reference, got, minimum=minimum)
    base = f"feature/{series.model}:{series.version}/{reference.feature_set}:{reference.set_version}/{series.interval}"
    metrics = []
    for at, name in enumerate(reference.names):
        where = Place(strategy=place.strategy, subject=f"{base}/{name}", session=place.session)
        size, value = int(sizes[at]), float(day.values["feature_psi"][at])
        if day.known[at]:
            shape = [
                float(one) if known else None for one, known in zip(day.shape[at], day.shape_known[at], strict=True)
            ]
            band = stability_band(value)
            p = float(day.values["feature_ks_p"][at])
            chance = chance_index(size, int(reference.counts[at].sum()), PARTS)
            detail = {"shape": shape, "ks_p": p if math.isfinite(p) else None, "chance": chance}
            metrics.append(where.number("feature_psi", value, band=band, size=size, detail=detail))
        else:
            few = Insufficient(n=size, minimum=minimum, reason="too few values")
            metrics.append(where.insufficient("feature_psi", few, {}))
    return FeatureReport(metrics=(*metrics, _maximum(place, reference.names, day, minimum=minimum)), day=day)


def _day(reference: FeatureReference, got: SetDay, *, minimum: int) -> tuple[FeatureDay, I8Array]:
    """The session in the order of the reference's features, and how many values each had."""
    counts = _in_order(reference.names, got.names, got.counts)
    before = None if got.before is None else _in_order(reference.names, got.names, got.before)
    shape, known = shapes(reference.counts, counts, before, minimum=minimum)
    values = {"feature_psi": stability(reference.counts, counts), "feature_ks_p": _same_p(reference.counts, counts)}
    sizes: I8Array = np.add.reduce(counts, axis=1)
    return FeatureDay(names=reference.names, values=values, known=known[:, 0], shape=shape, shape_known=known), sizes


def _in_order(wanted: Sequence[str], names: Sequence[str], counts: I8Array) -> I8Array:
    """Rows of ``counts`` by the wanted names, zeros for a name that isn't there."""
    at = {name: number for number, name in enumerate(names)}
    padded = np.vstack([counts, np.zeros((1, counts.shape[1]), np.int64)])
    result: I8Array = padded[[at.get(name, len(names)) for name in wanted]]
    return result


def stability(expected: I8Array, actual: I8Array) -> F8Array:
    """PSI of each row of counts (rows, bins) over ten joined bins (``coarse``), as ``stability_index``.

    Over the many bins of the statistics themselves it would be noise: 1.0 in the mean for 50 values of the very
    distribution of the reference. Of an empty row it means nothing.
    """
    shares = [
        np.maximum(table / np.maximum(np.add.reduce(table, axis=1), 1)[:, None], ZERO_GUARD)
        for table in coarse(expected, actual)
    ]
    terms = (shares[1] - shares[0]) * np.log(shares[1] / shares[0])
    result: F8Array = np.add.accumulate(terms, axis=1)[:, -1]
    return result


def _same_p(expected: I8Array, actual: I8Array) -> F8Array:
    """P of Kolmogorov and Smirnov's test for each row of counts (rows, bins), as if rows were independent; else NaN."""
    found = [kolmogorov_smirnov_of_counts(one, other) for one, other in zip(expected, actual, strict=True)]
    return np.array([one.p_value if isinstance(one, TwoSamples) else math.nan for one in found])


def _maximum(place: Place, names: tuple[str, ...], day: FeatureDay, *, minimum: int) -> DriftMetric:
    psi = day.values["feature_psi"]
    at = np.flatnonzero(day.known)
    detail = {"features": len(names), "insufficient": len(names) - len(at)}
    if not len(at):
        few = Insufficient(n=0, minimum=minimum, reason="no feature had enough values")
        return place.insufficient("feature_psi_max", few, detail)
    worst = int(at[np.argmax(psi[at])])
    value = float(psi[worst])
    return place.number(
        "feature_psi_max", value, band=stability_band(value), size=len(at), detail={**detail, "feature": names[worst]}
    )
