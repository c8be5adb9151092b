"""What matured labels say, session by session: IC, Sharpe ratios, and how often the direction was right."""

import math

import numpy as np

from pipeline.drift.direction import DirectionRates, degradation, direction_rates
from pipeline.drift.information_coefficient import Correlation, spearman
from pipeline.drift.profit import rank_return
from pipeline.drift.sharpe import Sharpe, sharpe
from schemas.fields import BoolArray, F8Array

#: Names a cross-section needs; as the drift agent's default.
LEAST_NAMES = 20
#: Sessions in each Sharpe ratio.
_SPANS = (5, 20)


def daily(
    scores: F8Array, labels: F8Array, labelled: BoolArray | None, horizon: int, *, lean: bool = False
) -> dict[str, F8Array]:
    """Daily ``ic``, ``pnl`` and ``accuracy``, shape (sessions,), NaN where too few labels came in time.

    ``scores`` and ``labels`` (sessions, names) belong together; row t is what matured in session t, NaN or not
    ``labelled`` where nothing did. ``lean``: only the IC.
    """
    found = {name: np.full(len(scores), np.nan) for name in ("ic", "pnl", "accuracy")}
    for at in range(len(scores)):
        score, label = scores[at], labels[at]
        if labelled is not None:
            score, label = score[labelled[at]], label[labelled[at]]
        if len(score) < LEAST_NAMES or not math.isfinite(label[0]):
            continue
        coefficient = spearman(score, label, minimum=LEAST_NAMES)
        if isinstance(coefficient, Correlation):
            found["ic"][at] = coefficient.value
        if lean:
            continue
        earned = rank_return(score, label)
        rates = direction_rates(score, label, minimum=LEAST_NAMES)
        if earned is not None:
            found["pnl"][at] = earned / horizon
        if isinstance(rates, DirectionRates):
            found["accuracy"][at] = rates.accuracy
    return found


def label_values(found: dict[str, F8Array], start: int, baseline: float | None) -> dict[str, F8Array]:
    """Metrics of the sessions from ``start`` on; ``baseline``: accuracy of direction on held-out rows, None if
    only the IC was measured."""
    if baseline is None:
        return {"ic": found["ic"][start:]}
    accuracy = found["accuracy"][start:]
    degraded = [degradation(one, baseline) if math.isfinite(one) else math.nan for one in accuracy.tolist()]
    spans = {f"sharpe_{span}": _sharpes(found["pnl"], start, span) for span in _SPANS}
    return {"ic": found["ic"][start:], "hit_rate_degradation": np.array(degraded), **spans}


def _sharpes(profits: F8Array, start: int, span: int) -> F8Array:
    """Sharpe ratio of the last ``span`` sessions with a profit, on each such session from ``start`` on."""
    values = np.full(len(profits) - start, np.nan)
    at = np.flatnonzero(np.isfinite(profits))
    kept = profits[at]
    for place in range(span - 1, len(at)):
        if at[place] >= start:
            got = sharpe(kept[place + 1 - span : place + 1], minimum=span)
            values[at[place] - start] = got.value if isinstance(got, Sharpe) else np.nan
    return values
