"""How well a classifier tells rising prices from falling ones."""

import numpy as np

from schemas.fields import F8Array

_SMALLEST_CHANCE = 1e-12
#: Metric of the class "up" → larger is better.
CLASS_METRICS = {"accuracy": True, "precision": True, "recall": True, "f1": True, "log_loss": False}
#: Columns of ``class_columns``.
CLASS_WIDTH = 6


def class_columns(score: F8Array, confidence: F8Array, y: F8Array) -> F8Array:
    """What each row adds to the sums that the metrics come from; arrays of shape (n,) → float64 (n, 6).

    Per row with a return: 1, called up and rose, called up (score above 0), rose, called right, and the loss of the
    probability that was given to what came true.
    """
    counted, called, rose = y != 0.0, score > 0.0, y > 0.0
    true = np.where(called == rose, confidence, 1.0 - confidence)
    loss = -np.log(np.maximum(true, _SMALLEST_CHANCE))
    columns = np.column_stack([counted, called & rose, called, rose, called == rose, loss])
    return np.asarray(columns * counted[:, None], dtype=np.float64)


def class_statistics(sums: F8Array) -> dict[str, F8Array]:
    """Metrics from sums, float64 (samples, 6) → (samples,) each; NaN or infinite where undefined."""
    counted, both, called, rose, right, loss = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "accuracy": right / counted,
            "precision": both / called,
            "recall": both / rose,
            "f1": 2.0 * both / (called + rose),
            "log_loss": loss / counted,
        }
