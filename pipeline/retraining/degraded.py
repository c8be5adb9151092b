"""Trigger: the live model's information coefficient has fallen below what it reached when it was made."""

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

from pipeline.deployments import ModelRef
from pipeline.retraining.facts import Baseline, MetricRow, Trigger
from pipeline.retraining.rules import RetrainingRules

NAME, METRIC = "degradation", "ic"


def degradation(
    rows: Iterable[MetricRow], live: ModelRef, baseline: Baseline | None, last: int, rules: RetrainingRules
) -> Trigger:
    """Compare the mean daily IC of the last sessions with the baseline.

    Series of the live model only, each interval by itself; the one that lost most decides. Fires if the mean is below
    ``floor_of(baseline)`` and, unless ``confidence`` is 0, its upper confidence limit is too: with 50 names a day's IC
    has a standard error of .14, so that the plain comparison is a coin flip for a healthy model.
    """
    if baseline is None:
        return Trigger(name=NAME, verdict="insufficient", detail=f"{live} has no rank IC on test data to compare with")
    series: dict[str, list[MetricRow]] = {}
    oldest = last - rules.stale_sessions
    for row in rows:
        if row.metric == METRIC and _is_live(row.subject, live) and row.value is not None:
            series.setdefault(row.subject, []).append(row)
    series = {subject: found for subject, found in series.items() if max(row.session for row in found) >= oldest}
    limit = floor_of(baseline.value, rules.degradation)
    evidence = {"baseline": baseline.value, "baseline_of": f"{baseline.metric} on {baseline.dataset}", "floor": limit}
    longest = max((len(found) for found in series.values()), default=0)
    judged = [
        _judge(subject, sorted(found, key=lambda row: row.session)[-rules.sessions :], limit, evidence, rules)
        for subject, found in sorted(series.items())
        if len(found) >= rules.minimum_sessions
    ]
    if not judged:
        said = f"{longest} sessions with an IC, {rules.minimum_sessions} are needed"
        return Trigger(name=NAME, verdict="insufficient", detail=said, evidence=evidence | {"sessions": longest})
    return min(judged, key=lambda one: (not one.fired, one.evidence["mean"]))


def floor_of(baseline: float, share: float) -> float:
    """The least value that is no degradation: the baseline less ``share`` of its size, whatever its sign.

    A baseline of 0 tolerates no loss, and one below 0 a further loss of that share.

    >>> floor_of(0.04, 0.05), floor_of(0.0, 0.05), floor_of(-0.02, 0.05)
    (0.038, 0.0, -0.021)
    """
    return baseline - share * abs(baseline)


def mean_error(values: Sequence[float], overlap: int) -> float:
    """Standard error of a mean of serially dependent values (Newey and West 1987, Bartlett weights).

    ``overlap`` lags enter: labels over h sessions overlap in h - 1. Scaled by n / (n - 1), so that without overlap it
    is the usual one.

    >>> round(mean_error([1.0, 2.0, 3.0, 4.0], 0), 4)
    0.6455
    """
    n = len(values)
    mean = math.fsum(values) / n
    away = [value - mean for value in values]
    total = math.fsum(one * one for one in away)
    for lag in range(1, min(overlap, n - 1) + 1):
        weight = 1.0 - lag / (overlap + 1)
        total += 2.0 * weight * math.fsum(a * b for a, b in zip(away[lag:], away[:-lag], strict=True))
    return math.sqrt(max(total, 0.0) / n / (n - 1))


def _judge(
    subject: str, rows: Sequence[MetricRow], limit: float, evidence: dict[str, object], rules: RetrainingRules
) -> Trigger:
    values = [row.value for row in rows if row.value is not None]
    mean = math.fsum(values) / len(values)
    error = mean_error(values, _overlap(subject))
    upper = mean + (NormalDist().inv_cdf(rules.confidence) * error if rules.confidence else 0.0)
    found = {"subject": subject, "sessions": len(values), "mean": mean, "error": error, "upper": upper}
    return Trigger(
        name=NAME,
        verdict="fired" if max(mean, upper) < limit else "quiet",
        detail=f"mean IC {mean:.4f} (upper limit {upper:.4f}) over {len(values)} sessions against {limit:.4f}, "
        f"which is {rules.degradation:.0%} below the baseline",
        evidence=evidence | found,
    )


def _is_live(subject: str, live: ModelRef) -> bool:
    return subject.startswith(f"score/{live}/") and subject.endswith("/live")


def _overlap(subject: str) -> int:
    """Sessions in which labels of neighbouring sessions overlap: only daily bars have any worth a lag."""
    _, _, interval, horizon, _ = subject.split("/")
    return int(horizon) - 1 if interval == "1d" else 0
