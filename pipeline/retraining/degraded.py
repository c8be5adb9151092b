"""Trigger: the live model's information coefficient has fallen below what it reached when it was made."""

import math
from collections.abc import Iterable, Sequence

from pipeline.deployments import ModelRef
from pipeline.drift.coefficient_mean import mean_coefficient
from pipeline.drift.direction import degradation
from pipeline.drift.metric import DriftMetric
from pipeline.drift.results import Insufficient
from pipeline.retraining.facts import Baseline, Trigger
from pipeline.retraining.rules import RetrainingRules

NAME, METRIC = "degradation", "ic"
#: Days that a mean needs for each lag by which their labels overlap (`mean_coefficient`).
_DAYS_A_LAG = 5
#: What rounding may add to a share.
_ROUNDING = 1e-12


def degraded(
    rows: Iterable[DriftMetric], live: ModelRef, baseline: Baseline | None, last: int, rules: RetrainingRules
) -> Trigger:
    """Compare the mean daily IC of the last sessions with the baseline, whatever the baseline's sign.

    Series of the live model only, each interval by itself; the one that lost most decides. Fires if the mean has lost
    more than the rule's share (`pipeline.drift.direction.degradation`) and, unless ``confidence`` is 0, its upper
    confidence limit has too: with 50 names a day's IC has a standard error of .14, so that for a healthy model the
    plain comparison is a coin flip. Where labels overlap by h sessions, 5 (h + 1) sessions are looked at, if more.
    """
    if baseline is None:
        return Trigger(name=NAME, verdict="insufficient", detail=f"{live} has no rank IC on test data to compare with")
    series: dict[str, list[DriftMetric]] = {}
    for row in rows:
        if row.metric == METRIC and _is_live(row.subject, live) and row.value is not None:
            series.setdefault(row.subject, []).append(row)
    judged = [
        _judge(subject, sorted(found, key=lambda row: row.session), baseline, rules)
        for subject, found in sorted(series.items())
        if max(row.session for row in found) >= last - rules.stale_sessions
    ]
    fired = [one for one in judged if one.fired]
    told = [one for one in judged if one.verdict != "insufficient"]
    if told:
        return max(fired or told, key=lambda one: float(one.evidence["lost"]))
    if judged:
        return max(judged, key=lambda one: int(one.evidence["sessions"]))
    return Trigger(name=NAME, verdict="insufficient", detail=f"no IC of {live} in the last sessions")


def _judge(subject: str, rows: Sequence[DriftMetric], baseline: Baseline, rules: RetrainingRules) -> Trigger:
    overlap = _overlap(subject)
    wanted = max(rules.sessions, _DAYS_A_LAG * (overlap + 1))
    values = [row.value for row in rows[-wanted:] if row.value is not None]
    evidence: dict[str, object] = {
        "subject": subject, "sessions": len(values), "baseline": baseline.value,
        "baseline_of": f"{baseline.metric} on {baseline.dataset}",
    }  # fmt: skip
    if len(values) < rules.minimum_sessions:
        return _insufficient(f"{len(values)} sessions with an IC, {rules.minimum_sessions} are needed", evidence)
    mean = upper = math.fsum(values) / len(values)
    if rules.confidence:
        # One-sided at the level c is the upper end of the two-sided interval at 2 c - 1.
        two_sided = 2.0 * rules.confidence - 1.0
        found = mean_coefficient(values, overlap=overlap, minimum=rules.minimum_sessions, confidence=two_sided)
        if isinstance(found, Insufficient):
            return _insufficient(f"{found.reason}: {found.n}, {found.minimum} are needed", evidence)
        upper = found.high
    lost = degradation(mean, baseline.value)
    surely = degradation(upper, baseline.value)
    return Trigger(
        name=NAME,
        verdict="fired" if surely > rules.degradation + _ROUNDING else "quiet",
        detail=f"mean IC {mean:.4f} (upper limit {upper:.4f}) over {len(values)} sessions has lost {lost:.0%} of the "
        f"baseline {baseline.value:.4f}, surely {max(surely, 0.0):.0%}; {rules.degradation:.0%} are allowed",
        evidence={**evidence, "mean": mean, "upper": upper, "lost": lost, "surely_lost": surely},
    )


def _insufficient(why: str, evidence: dict[str, object]) -> Trigger:
    return Trigger(name=NAME, verdict="insufficient", detail=why, evidence=evidence)


def _is_live(subject: str, live: ModelRef) -> bool:
    return subject.startswith(f"score/{live}/") and subject.endswith("/live")


def _overlap(subject: str) -> int:
    """Later sessions that share labels with one: only daily bars have any worth a lag."""
    _, _, interval, horizon, _ = subject.split("/")
    return int(horizon) - 1 if interval == "1d" else 0
