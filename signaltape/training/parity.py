"""Whether the ONNX graph says what the fitted model says, on every row held out."""

from dataclasses import dataclass

import numpy as np

from infra.scoring.scorer import RowScorer
from infra.scoring.session import Session
from signaltape.training.dataset import F4Array
from signaltape.training.errors import TrainingError
from signaltape.training.fitted import Fitted

#: Largest difference accepted, as a share of the scores' standard deviation.
_SHARE = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """``largest`` absolute difference of scores over ``rows``, in log return; ``tolerance`` likewise."""

    rows: int
    largest: float
    tolerance: float


def compare(fitted: Fitted, target_scale: float, session: Session, x: F4Array, spread: float) -> Parity:
    """Compare both forms on float32 rows ``x`` (n, features); ``spread``: standard deviation of training scores.

    Raises TrainingError naming the row of the largest difference if it is above a thousandth of the spread.
    """
    native = fitted.predict(x) * target_scale
    served = RowScorer(session).score_rows(x).score
    difference = np.abs(native - served)
    worst = int(np.argmax(difference))
    found = Parity(rows=len(x), largest=float(difference[worst]), tolerance=_SHARE * spread)
    if found.largest > found.tolerance:
        raise TrainingError(
            f"the ONNX graph differs from the fitted model by {found.largest:.3g} (tolerance {found.tolerance:.3g}) on "
            f"held-out row {worst}: native {native[worst]!r}, ONNX {served[worst]!r}; it would not serve what was "
            "trained. Use the locked versions of the training libraries"
        )
    return found
