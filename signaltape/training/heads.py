"""From what a family predicts to score and confidence: once in numpy, once at the end of the graph."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.comparison.metrics import sign_right
from schemas.fields import F8Array
from signaltape.training.calibration import Calibration
from signaltape.training.errors import TrainingError
from signaltape.training.graph import PREDICTED, GraphPart

_SMALLEST, _LARGEST = 0.01, 100.0


class Head(Protocol):
    """What both kinds of target need."""

    def scores(self, predicted: F8Array) -> tuple[F8Array, F8Array]:
        """Score (log return over the horizon) and confidence, float64 (n,), of what the family predicts, (n,)."""
        ...

    def append_to(self, part: GraphPart) -> None:
        """Add the nodes from ``PREDICTED`` to ``score`` and ``confidence``, float32 (n,)."""
        ...

    def document(self) -> dict[str, Any]:
        """Plain values, for the record."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnHead:
    """score = unit × predicted; confidence = ``calibration`` of the score. For regression."""

    unit: float
    calibration: Calibration

    def scores(self, predicted: F8Array) -> tuple[F8Array, F8Array]:
        """See `Head`."""
        score = predicted * self.unit
        return score, self.calibration.confidence(score)

    def append_to(self, part: GraphPart) -> None:
        """See `Head`."""
        terms = self.calibration
        part.add("Mul", [PREDICTED, part.constant("target_scale", self.unit)], "scaled")
        part.flatten("scaled", "score")
        part.add("Abs", ["score"], "size")
        part.add("Mul", ["size", part.constant("per_scale", 1.0 / terms.scale)], "strength")
        part.add("Min", ["strength", part.constant("ceiling", terms.ceiling)], "bounded")
        part.add("Mul", ["bounded", part.constant("slope", terms.slope)], "evidence")
        part.add("Add", ["evidence", part.constant("base", terms.intercept)], "logit")
        part.add("Sigmoid", ["logit"], "confidence")

    def document(self) -> dict[str, Any]:
        """See `Head`."""
        return asdict(self.calibration)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassHead:
    """For classification: the family predicts the log odds l of "up", from which

    p_up = sigmoid(sharpness × l), with l held within ±``ceiling``;
    score = (p_up − p_down) × ``size``, the mean absolute return of the training rows: the expected log return if how
    far a price moves doesn't depend on which way; confidence = the larger of p_up and p_down.
    ``rows``: how many validation rows ``sharpness`` was fitted on, 0: not fitted.
    """

    size: float
    sharpness: float = 1.0
    ceiling: float = 20.0
    rows: int = 0

    def scores(self, predicted: F8Array) -> tuple[F8Array, F8Array]:
        """See `Head`."""
        odds = self.sharpness * np.clip(predicted, -self.ceiling, self.ceiling)
        # p_up − p_down = tanh(l / 2): without the difference of two numbers that are nearly equal.
        return np.tanh(odds / 2.0) * self.size, 1.0 / (1.0 + np.exp(-np.abs(odds)))

    def append_to(self, part: GraphPart) -> None:
        """See `Head`."""
        ends = [part.constant("class_lowest", -self.ceiling), part.constant("class_highest", self.ceiling)]
        part.add("Clip", [PREDICTED, *ends], "held")
        part.flatten("held", "log_odds")
        part.add("Mul", ["log_odds", part.constant("half_sharpness", self.sharpness / 2.0)], "half_odds")
        part.add("Tanh", ["half_odds"], "balance")
        part.add("Mul", ["balance", part.constant("return_size", self.size)], "score")
        part.add("Abs", ["log_odds"], "size")
        part.add("Mul", ["size", part.constant("sharpness", self.sharpness)], "certainty")
        part.add("Sigmoid", ["certainty"], "confidence")

    def document(self) -> dict[str, Any]:
        """See `Head`."""
        return asdict(self)


def fit_class_head(predicted: F8Array, y: F8Array, size: float) -> ClassHead:
    """Fit ``sharpness`` on validation rows: log odds and log returns of shape (n,).

    Temperature scaling (Guo et al., *On calibration of modern neural networks*, 2017) by maximum likelihood; it never
    turns a direction round. It is held within [0.01, 100]: where the validation rows show no skill, all confidences
    are near 0.5 and all scores near 0. Log odds beyond the 99.9 % quantile count as that. Raises TrainingError
    without rows.
    """
    counted, _ = sign_right(predicted, y)
    if not counted.any():
        raise TrainingError("all validation returns are exactly 0: there is no sign to be confident of")
    ceiling = max(float(np.quantile(np.abs(predicted[counted]), 0.999)), 1e-6)
    margin = np.sign(y[counted]) * np.clip(predicted[counted], -ceiling, ceiling)
    low, high = np.log(_SMALLEST), np.log(_LARGEST)
    for _ in range(60):  # the likelihood's slope falls with the sharpness: bisection, in logarithms
        middle = (low + high) / 2.0
        slope = float(np.sum(margin / (1.0 + np.exp(np.exp(middle) * margin))))
        low, high = (middle, high) if slope > 0.0 else (low, middle)
    return ClassHead(size=size, sharpness=float(np.exp(low)), ceiling=ceiling, rows=int(np.count_nonzero(counted)))
