"""What closing a session says about following the scores: money before costs, and how often the direction was right."""

import numpy as np

from pipeline.drift.config import DriftConfig
from pipeline.drift.direction import degradation, direction_rates, is_degraded
from pipeline.drift.ledger import Matured
from pipeline.drift.metric import DriftMetric, Place
from pipeline.drift.profit import session_return
from pipeline.drift.results import Insufficient
from pipeline.drift.sharpe import sharpe
from pipeline.drift.verdicts import sharpe_band

#: Windows of the Sharpe ratio, in sessions with data.
SHARPE_SESSIONS = (5, 20)


def profit_metric(place: Place, matured: Matured, horizon: int, config: DriftConfig) -> DriftMetric:
    """``pnl``: the session's log return of following the scores."""
    result = session_return(matured.cross_sections, horizon, minimum=config.minimum_names)
    if isinstance(result, Insufficient):
        return place.insufficient("pnl", result, {})
    pairs = sum(len(one.symbols) for one in matured.cross_sections)
    band = "gain" if result > 0 else "loss" if result < 0 else "flat"
    return place.number("pnl", result, band=band, size=pairs, detail={"times": len(matured.cross_sections)})


def sharpe_metrics(place: Place, profits: list[tuple[int, float]], config: DriftConfig) -> tuple[DriftMetric, ...]:
    """``sharpe_5`` and ``sharpe_20`` of the last sessions with data, this one included; oldest first in ``profits``."""
    return tuple(_sharpe(place, profits, sessions, config) for sessions in SHARPE_SESSIONS)


def _sharpe(place: Place, profits: list[tuple[int, float]], sessions: int, config: DriftConfig) -> DriftMetric:
    name, last = f"sharpe_{sessions}", profits[-sessions:]
    if len(last) < sessions or last[-1][0] != place.session:
        why = "too few sessions" if len(last) < sessions else "no return in this session"
        return place.insufficient(name, Insufficient(n=len(last), minimum=sessions, reason=why), {})
    found = sharpe(np.array([value for _, value in last]), minimum=sessions, confidence=config.confidence)
    if isinstance(found, Insufficient):
        return place.insufficient(name, found, {})
    detail = {
        "standard_error": found.standard_error, "low": found.low, "high": found.high, "confidence": config.confidence,
    }  # fmt: skip
    return place.number(name, found.value, band=sharpe_band(found.value), size=found.n, detail=detail)


def direction_metrics(
    place: Place, matured: Matured, baseline: float | None, config: DriftConfig
) -> tuple[DriftMetric, ...]:
    """``hit_rate``, ``positive_predictions``, ``positive_outcomes``; ``hit_rate_degradation`` against held-out rows."""
    sections = matured.cross_sections
    predicted = np.concatenate([one.scores for one in sections]) if sections else np.zeros(0)
    realised = np.concatenate([one.log_returns for one in sections]) if sections else np.zeros(0)
    rates = direction_rates(predicted, realised, minimum=config.minimum_names)
    if isinstance(rates, Insufficient):
        return tuple(place.insufficient(name, rates, {}) for name in (*_SHARES, "hit_rate_degradation"))
    shares = (rates.accuracy, rates.predicted_positive, rates.realised_positive)
    metrics = [
        place.number(name, value, band="ok", size=rates.decided if name == "hit_rate" else rates.n, detail={})
        for name, value in zip(_SHARES, shares, strict=True)
    ]
    if baseline is None:
        missing = Insufficient(n=0, minimum=1, reason="the model has no held-out hit rate")
        return (*metrics, place.insufficient("hit_rate_degradation", missing, {}))
    lost = degradation(rates.accuracy, baseline)
    band = "degraded" if is_degraded(rates.accuracy, baseline) else "ok"
    detail = {"baseline": baseline}
    return (*metrics, place.number("hit_rate_degradation", lost, band=band, size=rates.decided, detail=detail))


_SHARES = ("hit_rate", "positive_predictions", "positive_outcomes")
