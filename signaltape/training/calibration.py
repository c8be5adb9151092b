"""What a score is worth: the probability that its sign is right, and the thresholds for acting on it."""

from dataclasses import dataclass

import numpy as np

from pipeline.comparison.metrics import sign_right
from pipeline.routing.decision import Thresholds
from schemas.fields import F8Array
from signaltape.training.errors import TrainingError


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """confidence = 1 / (1 + exp(-(intercept + slope · min(|score| / scale, ceiling)))).

    ``rows`` is how many validation rows it was fitted on; 0 stands for "not fitted": every score counts as even.
    """

    scale: float = 1.0
    intercept: float = 0.0
    slope: float = 0.0
    ceiling: float = 1.0
    rows: int = 0

    def confidence(self, score: F8Array) -> F8Array:
        """Probability that the sign is right, float64 (n,), for ``score`` of shape (n,)."""
        strength = np.minimum(np.abs(score) / self.scale, self.ceiling)
        return np.asarray(1.0 / (1.0 + np.exp(-(self.intercept + self.slope * strength))), dtype=np.float64)


def fit_calibration(score: F8Array, y: F8Array, scale: float) -> Calibration:
    """Fit on validation rows, shape (n,): logistic regression of "sign right" on |score| / scale.

    Platt, *Probabilistic outputs for support vector machines* (1999), on the size of the score. Maximum likelihood
    by Newton's method, with a penalty of 1 on the slope so that separable rows stay finite. A slope below 0 would
    distrust the strongest scores on the evidence of noise: then the confidence is the hit rate for all. Strengths
    beyond the 99.9 % quantile seen count as that: nothing is extrapolated. Raises TrainingError without rows.
    """
    counted, right = sign_right(score, y)
    if not counted.any():
        raise TrainingError("all validation returns are exactly 0: there is no sign to be confident of")
    strength = np.abs(score[counted]) / scale
    ceiling = float(np.quantile(strength, 0.999))
    strength, hits = np.minimum(strength, ceiling), right[counted].astype(np.float64)
    intercept, slope = _logistic(strength, hits)
    if slope < 0.0:
        share = (hits.sum() + 1.0) / (len(hits) + 2.0)
        intercept, slope = float(np.log(share / (1.0 - share))), 0.0
    return Calibration(scale=scale, intercept=intercept, slope=slope, ceiling=ceiling, rows=len(hits))


def _logistic(x: F8Array, hits: F8Array) -> tuple[float, float]:
    design = np.column_stack([np.ones_like(x), x])
    penalty = np.diag([1e-6, 1.0])
    weights = np.zeros(2)
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-(design @ weights)))
        gradient = design.T @ (hits - chance) - penalty @ weights
        curvature = (design * (chance * (1.0 - chance))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        # Newton overshoots where a column is nearly constant: no step beyond 5 in logit units.
        weights = weights + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return float(weights[0]), float(weights[1])


def thresholds_of(train_score: F8Array, long: float, short: float, min_confidence: float) -> Thresholds:
    """Thresholds from quantiles of the training scores, shape (n,).

    Rule: long = max(0, quantile ``long``), short = min(0, quantile ``short``): the strongest scores act, and never
    against their own sign, even where nearly all scores have one sign. Raises TrainingError if both are 0.
    """
    upper, lower = (float(np.quantile(train_score, share)) for share in (long, short))
    upper, lower = max(upper, 0.0), min(lower, 0.0)
    if upper <= lower:
        raise TrainingError("all training scores are 0: the model has learnt nothing to act on")
    return Thresholds(long=upper, short=lower, min_confidence=min_confidence)


THRESHOLD_RULE = "long = max(0, q{long} of training scores), short = min(0, q{short} of training scores)"
