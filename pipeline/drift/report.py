"""What closing a session says about the predictions of one series: IC, its short mean, and the scores' stability."""

import math
from typing import Any

from pipeline.drift.coefficient_mean import mean_coefficient
from pipeline.drift.config import DriftConfig
from pipeline.drift.information_coefficient import Correlation, spearman
from pipeline.drift.ledger import Matured
from pipeline.drift.metric import DriftMetric, Place
from pipeline.drift.population_stability import Reference, stability_index
from pipeline.drift.results import Insufficient
from pipeline.drift.score_counts import DayCounts
from pipeline.drift.verdicts import coefficient_band, stability_band

#: Sessions in the short mean of the information coefficient.
MEAN_SESSIONS = 5


def coefficient_metric(place: Place, matured: Matured, config: DriftConfig, name: str = "ic") -> DriftMetric:
    """Daily IC: mean over prediction times of the Spearman IC of what matured in the session (or a part of it).

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
        detail |= {"names_max": most.n if most else 0}
        reason = most.reason if most else "no label matured"
        pairs = sum(one.n for one in short)
        missing = Insufficient(n=pairs, minimum=config.minimum_names, reason=reason)
        return place.insufficient(name, missing, detail)
    detail |= {"names_min": min(one.n for one in used), "names_max": max(one.n for one in used)}
    if len(used) == 1:
        detail |= {"low": used[0].low, "high": used[0].high, "confidence": config.confidence}
    value = math.fsum(one.value for one in used) / len(used)
    pairs = sum(one.n for one in used)
    return place.number(name, value, band=coefficient_band(value), size=pairs, detail=detail)


def mean_metric(place: Place, history: list[tuple[int, float]]) -> DriftMetric:
    """Mean IC of the last five sessions with data, this one included; ``history`` is (session, IC), oldest first."""
    last = history[-MEAN_SESSIONS:]
    detail = {"sessions": [at for at, _ in last]}
    if len(last) < MEAN_SESSIONS or last[-1][0] != place.session:
        why = "too few sessions" if len(last) < MEAN_SESSIONS else "no IC in this session"
        return place.insufficient("ic_mean_5", Insufficient(n=len(last), minimum=MEAN_SESSIONS, reason=why), detail)
    value = math.fsum(value for _, value in last) / MEAN_SESSIONS
    return place.number("ic_mean_5", value, band=coefficient_band(value), size=MEAN_SESSIONS, detail=detail)


def window_metric(place: Place, history: list[tuple[int, float]], overlap: int, config: DriftConfig) -> DriftMetric:
    """``ic_mean``: mean IC of all sessions remembered (``lookback`` at most), its error aware of shared labels.

    ``overlap``: sessions after which two daily ICs share no label (1: none do).
    """
    if not history or history[-1][0] != place.session:
        why = Insufficient(n=len(history), minimum=1, reason="no IC in this session")
        return place.insufficient("ic_mean", why, {})
    found = mean_coefficient([value for _, value in history], overlap=overlap - 1, confidence=config.confidence)
    if isinstance(found, Insufficient):
        return place.insufficient("ic_mean", found, {"overlap": overlap - 1})
    detail = {
        "standard_error": found.standard_error, "low": found.low, "high": found.high, "effective": found.effective,
        "overlap": found.overlap, "confidence": config.confidence,
    }  # fmt: skip
    return place.number("ic_mean", found.value, band=coefficient_band(found.value), size=found.days, detail=detail)


def stability_metric(
    place: Place, day: DayCounts | None, reference: Reference | None, *, minimum: int, name: str = "psi"
) -> DriftMetric:
    """PSI of the session's scores against the model's training reference; ``sample_size`` is the number of scores."""
    scores = int(day.counts.sum()) if day else 0
    names = len(day.names) if day else 0
    detail: dict[str, Any] = {"names": names, "minimum_names": minimum, "excluded": day.excluded if day else 0}
    result: float | Insufficient
    if reference is None:
        result = Insufficient(n=scores, minimum=minimum, reason="the model has no training reference")
    elif day is None or names < minimum:
        result = Insufficient(n=scores, minimum=minimum, reason="too few names")
    else:
        detail |= {"counts": day.counts.tolist(), "reference_size": sum(reference.counts)}
        result = stability_index(reference, day.counts, minimum=minimum)
    if isinstance(result, Insufficient):
        return place.insufficient(name, result, detail)
    return place.number(name, result, band=stability_band(result), size=scores, detail=detail)
