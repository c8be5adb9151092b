"""Whether the ONNX graph says what the fitted model says, on every row, those that it was fitted to included."""

from dataclasses import dataclass

import numpy as np

from infra.scoring.scorer import RowScorer
from infra.scoring.session import Session
from signaltape.training.dataset import F4Array
from signaltape.training.errors import TrainingError
from signaltape.training.fitted import Fitted
from signaltape.training.heads import Head

#: Largest differences accepted: of scores as a share of their standard deviation, of confidences as they are.
_SHARE, _CONFIDENCE = 1e-3, 1e-4


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """``largest`` absolute difference of scores over ``rows``, in log return; ``tolerance`` likewise.

    ``largest_confidence``: the same of confidences.
    """

    rows: int
    largest: float
    tolerance: float
    largest_confidence: float


def compare(fitted: Fitted, head: Head, session: Session, x: F4Array, spread: float) -> Parity:
    """Compare both forms on float32 rows ``x`` (n, features); ``spread``: standard deviation of training scores.

    Raises TrainingError naming the row of the largest difference if it is above a thousandth of the spread, or 0.0001
    of confidence. Trees differ at a threshold that lies between two float32 values: such rows are likeliest among
    those that the thresholds were chosen from.
    """
    score, confidence = head.scores(fitted.predict(x))
    served = RowScorer(session).score_rows(x)
    difference = np.abs(score - served.score)
    unsure = np.abs(confidence - served.confidence)
    worst = int(np.argmax(difference))
    found = Parity(
        rows=len(x),
        largest=float(difference[worst]),
        tolerance=_SHARE * spread,
        largest_confidence=float(unsure.max()),
    )
    if found.largest > found.tolerance or found.largest_confidence > _CONFIDENCE:
        raise TrainingError(
            f"the ONNX graph differs from the fitted model by {found.largest:.3g} (tolerance {found.tolerance:.3g}) on "
            f"row {worst}: native {score[worst]:.9g}, ONNX {served.score[worst]:.9g}; confidences differ by up to "
            f"{found.largest_confidence:.3g} (tolerance {_CONFIDENCE:g}): it would not serve what was trained. "
            "Use the locked versions of the training libraries"
        )
    return found
