"""Metrics of scores against what came true, as functions of sums over rows: sums can be resampled by whole times."""

import numpy as np

from pipeline.drift.information_coefficient import Correlation, doubled_ranks, spearman
from schemas.fields import BoolArray, F8Array, I8Array

#: Names of the statistics that `statistics` gives, and whether larger is better.
METRICS = {
    "ic": True,
    "rank_ic": True,
    "hit_rate": True,
    "rmse": False,
    "rmse_of_zero": False,
    "brier": False,
}
CROSS_SECTION = "cross_section_rank_ic"
#: How many columns `metric_columns` gives.
WIDTH = 17


def sign_right(score: F8Array, y: F8Array) -> tuple[BoolArray, BoolArray]:
    """Return (which rows count: a return of exactly 0 has no sign; whether the sign was right), both (n,)."""
    return y != 0.0, np.sign(score) == np.sign(y)


def metric_columns(score: F8Array, confidence: F8Array, y: F8Array) -> F8Array:
    """Return per row what `statistics` needs the sums of, float64 (n, WIDTH); inputs float64 (n,), n ≥ 1.

    Ranks are those of the whole sample.
    """
    counted, right = sign_right(score, y)
    ranks = doubled_ranks(score).astype(np.float64), doubled_ranks(y).astype(np.float64)
    errors = [counted & right, counted, (score - y) ** 2, y**2, counted * (confidence - right) ** 2]
    return np.column_stack([_moments(score, y), _moments(*ranks), *errors])


def statistics(sums: F8Array) -> dict[str, F8Array]:
    """Return each of `METRICS` from sums of `metric_columns`, (m, WIDTH) → (m,) each; NaN where undefined.

    ``ic``, ``rank_ic``: Pearson's and Spearman's correlation of score and return. ``hit_rate``: share of rows with a
    return whose sign the score has. ``rmse`` and, for comparison, that of always saying 0. ``brier``: mean squared
    error of the confidence.
    """
    n = sums[:, 0]
    hits, counted, squared, of_zero, brier = sums[:, 12:WIDTH].T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "ic": _correlation(sums[:, :6]),
            "rank_ic": _correlation(sums[:, 6:12]),
            "hit_rate": hits / counted,
            "rmse": np.sqrt(squared / n),
            "rmse_of_zero": np.sqrt(of_zero / n),
            "brier": brier / counted,
        }


def cross_sections(event_time: I8Array, score: F8Array, y: F8Array) -> F8Array:
    """Return Spearman's correlation across the symbols of each time, (times,); NaN with fewer than 20 symbols.

    Rows are in time order.
    """
    starts = np.flatnonzero(np.diff(event_time, prepend=event_time[:1] - 1))
    found = []
    for begin, end in zip(starts, [*starts[1:], len(event_time)], strict=True):
        result = spearman(score[begin:end], y[begin:end])
        found.append(result.value if isinstance(result, Correlation) else np.nan)
    return np.array(found, dtype=np.float64)


def _moments(x: F8Array, y: F8Array) -> F8Array:
    """Per row: 1, dx, dy, dx², dy², dx dy, with d from the whole sample's mean (sums then lose no digits)."""
    dx, dy = x - x.mean(), y - y.mean()
    return np.column_stack([np.ones_like(dx), dx, dy, dx * dx, dy * dy, dx * dy])


def _correlation(sums: F8Array) -> F8Array:
    n, x, y, xx, yy, xy = sums.T
    return np.asarray((xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n)), dtype=np.float64)
