"""What closing a session says about one series: its metrics, and the alerts that the policy raises."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.drift.classic import POLICY, Finding, coefficient_band, stability_band
from pipeline.drift.config import DriftConfig
from pipeline.drift.information_coefficient import Correlation, spearman
from pipeline.drift.ledger import Matured
from pipeline.drift.population_stability import Reference, stability_index
from pipeline.drift.results import Insufficient
from pipeline.drift.score_counts import DayCounts
from pipeline.drift.series import Series
from schemas.alerts import Alert
from schemas.ids import alert_id
from schemas.intervals import DAY, session_end

#: Sessions in the short mean of the information coefficient.
MEAN_SESSIONS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftMetric:
    """One number, or the statement that there is too little data for it, about one series on one session day.

    ``value`` is None exactly where ``verdict`` is ``insufficient``. ``session`` counts days since the Unix epoch.
    """

    policy: str = POLICY
    strategy: str
    subject: str
    metric: str
    session: int
    verdict: str
    value: float | None
    sample_size: int
    detail: Mapping[str, Any] = field(default_factory=dict)


def coefficient_metric(series: Series, session: int, matured: Matured, config: DriftConfig) -> DriftMetric:
    """Daily IC: mean over prediction times of the Spearman IC of what matured in the session.

    Only cross-sections with enough names enter; the others are counted. The mean is exact (``fsum``), so the order
    of cross-sections does not matter. ``sample_size`` is the number of pairs used, or found where that is too few.
    """
    used: list[Correlation] = []
    short: list[Insufficient] = []
    for section in matured.cross_sections:
        result = spearman(
            section.scores, section.log_returns, minimum=config.minimum_names, confidence=config.confidence
        )
        (used if isinstance(result, Correlation) else short).append(result)  # type: ignore[arg-type]
    detail: dict[str, Any] = {
        "times": len(used), "times_insufficient": len(short), "minimum_names": config.minimum_names,
        "expired": matured.expired,
    }  # fmt: skip
    if not used:
        most = max(short, key=lambda one: one.n, default=None)
        detail |= {"names_max": most.n if most else 0, "reason": most.reason if most else "no label matured"}
        pairs = sum(one.n for one in short)
        return _metric(series, session, metric="ic", verdict="insufficient", sample_size=pairs, detail=detail)
    detail |= {"names_min": min(one.n for one in used), "names_max": max(one.n for one in used)}
    if len(used) == 1:
        detail |= {"low": used[0].low, "high": used[0].high, "confidence": config.confidence}
    value = math.fsum(one.value for one in used) / len(used)
    pairs = sum(one.n for one in used)
    band = coefficient_band(value)
    return _metric(series, session, metric="ic", verdict=band, value=value, sample_size=pairs, detail=detail)


def mean_metric(series: Series, session: int, history: list[tuple[int, float]]) -> DriftMetric:
    """Mean IC of the last five sessions with data, this one included; ``history`` is (session, IC), oldest first."""
    last = history[-MEAN_SESSIONS:]
    detail = {"sessions": [at for at, _ in last]}
    if len(last) < MEAN_SESSIONS or last[-1][0] != session:
        why = "too few sessions" if len(last) < MEAN_SESSIONS else "no IC in this session"
        detail_why = {**detail, "minimum": MEAN_SESSIONS, "reason": why}
        return _metric(
            series, session, metric="ic_mean_5", verdict="insufficient", sample_size=len(last), detail=detail_why
        )
    value = math.fsum(value for _, value in last) / MEAN_SESSIONS
    band = coefficient_band(value)
    return _metric(
        series, session, metric="ic_mean_5", verdict=band, value=value, sample_size=MEAN_SESSIONS, detail=detail
    )


def stability_metric(
    series: Series, session: int, day: DayCounts | None, reference: Reference | None, *, minimum: int
) -> DriftMetric:
    """PSI of the session's scores against the model's training reference; ``sample_size`` is the number of scores."""
    scores = int(day.counts.sum()) if day else 0
    names = len(day.names) if day else 0
    detail: dict[str, Any] = {"names": names, "minimum_names": minimum, "excluded": day.excluded if day else 0}
    result: float | Insufficient
    if reference is None:
        result = Insufficient(n=scores, minimum=minimum, reason="the model has no training reference")
    elif day is None or names < minimum:
        result = Insufficient(n=names, minimum=minimum, reason="too few names")
    else:
        detail |= {"counts": day.counts.tolist(), "reference_size": sum(reference.counts)}
        result = stability_index(reference, day.counts, minimum=minimum)
    if isinstance(result, Insufficient):
        detail["reason"] = result.reason
        return _metric(series, session, metric="psi", verdict="insufficient", sample_size=scores, detail=detail)
    band = stability_band(result)
    return _metric(series, session, metric="psi", verdict=band, value=result, sample_size=scores, detail=detail)


def alert_of(series: Series, finding: Finding, metric: DriftMetric, history: list[tuple[int, float]]) -> Alert:
    """The alert for a rule that fired; its id depends on policy, rule, subject and session only."""
    rule, run = finding.rule, finding.run
    evidence: dict[str, Any] = {
        "metric": rule.metric, "value": finding.value, "side": rule.side, "threshold": rule.threshold,
        "days": run.days, "model": series.model, "model_version": series.version, "interval": series.interval,
        "horizon": series.horizon, **metric.detail,
    }  # fmt: skip
    if rule.metric == "ic":
        evidence["recent"] = [value for at, value in history if at >= run.first]
    spell = f"for {run.days} days with data " if rule.days > 1 else ""
    return Alert(
        alert_id=alert_id(POLICY, rule.name, series.strategy, series.subject, finding.session),
        policy=POLICY,
        rule=rule.name,
        severity=rule.severity,
        strategy=series.strategy,
        subject=series.subject,
        event_time=session_end(finding.session),
        session=finding.session,
        sample_size=metric.sample_size,
        window=(run.first * DAY, session_end(finding.session)),
        onset=run.first * DAY,
        evidence=evidence,
        suggested_action=rule.action,
        message=f"{series.strategy}: {rule.metric} {finding.value:.4f} is {rule.side} {rule.threshold:g} {spell}"
        f"({series.model} version {series.version}, {series.interval}, {metric.sample_size} observations)",
    )


def _metric(
    series: Series,
    session: int,
    *,
    metric: str,
    verdict: str,
    sample_size: int,
    detail: Mapping[str, Any],
    value: float | None = None,
) -> DriftMetric:
    """A metric of a series."""
    return DriftMetric(
        strategy=series.strategy,
        subject=series.subject,
        metric=metric,
        session=session,
        verdict=verdict,
        value=value,
        sample_size=sample_size,
        detail=detail,
    )
