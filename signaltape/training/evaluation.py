"""How good scores are on rows that the model never saw, with the uncertainty that overlapping labels leave."""

from dataclasses import dataclass

import numpy as np

from infra.warehouse.models import ModelMetric
from pipeline.comparison import metrics
from pipeline.comparison.bootstrap import blocks_of, interval, resampled_sums, time_sums
from pipeline.comparison.metrics import CROSS_SECTION, WIDTH, cross_sections, metric_columns, statistics
from schemas.fields import F8Array
from signaltape.training.class_metrics import CLASS_METRICS, CLASS_WIDTH, class_columns, class_statistics
from signaltape.training.dataset import Rows

#: Metric → larger is better. Each correlation, rate and error also has `_low` and `_high`, its 95 % interval.
METRICS = {**metrics.METRICS, **CLASS_METRICS, CROSS_SECTION: True, "rows": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A number with its 95 % interval; None where there are too few blocks of time for one."""

    value: float
    low: float | None = None
    high: float | None = None


def evaluate(
    rows: Rows, score: F8Array, confidence: F8Array, horizon: int, seed: int, *, classes: bool = False
) -> dict[str, Estimate]:
    """Judge scores and confidences, float64 (n,), of held-out ``rows``.

    ``ic``, ``rank_ic``: Pearson's and Spearman's correlation of score and return over all rows. ``hit_rate``: share
    of rows with a return whose sign the score has. ``rmse`` and, for comparison, that of always saying 0. ``brier``:
    mean squared error of the confidence. ``cross_section_rank_ic``: mean over prediction times of Spearman's
    correlation across at least 20 symbols; left out where no time has so many.

    With ``classes`` also those of the class "up" (score above 0), over rows with a return: ``accuracy``,
    ``precision`` (of the rows called up, the share that rose), ``recall`` (of those that rose, the share called up),
    ``f1`` (their harmonic mean), and ``log_loss``: mean negative logarithm of the probability given to what came true.

    Intervals: moving-block bootstrap over times (`pipeline.comparison.bootstrap`), 1,000 seeded resamples: labels
    overlap and symbols move together, so rows are not independent. Ranks are those of the whole sample.
    """
    columns = metric_columns(score, confidence, rows.y)
    if classes:
        columns = np.column_stack([columns, class_columns(score, confidence, rows.y)])
    sums = time_sums(columns, rows.event_time)
    crossed = cross_sections(rows.event_time, score, rows.y)
    known = np.isfinite(crossed)
    found = _estimates(np.column_stack([sums, np.where(known, crossed, 0.0), known]), horizon, seed)
    found["rows"] = Estimate(value=float(len(rows)))
    return found


def metric_rows(dataset: str, found: dict[str, Estimate]) -> list[ModelMetric]:
    """The registry's rows: one per number and per end of an interval."""
    made = []
    for name, estimate in found.items():
        for suffix, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high)):
            if value is not None:
                made.append(
                    ModelMetric(dataset=dataset, metric=name + suffix, value=value, higher_is_better=METRICS[name])
                )
    return made


def _estimates(sums: F8Array, horizon: int, seed: int) -> dict[str, Estimate]:
    """Every statistic that has a value on the whole sample, from sums of each time."""
    blocks = blocks_of(len(sums), horizon)
    whole = _statistics(sums.sum(axis=0)[None, :])
    resampled = _statistics(resampled_sums(sums, blocks, seed)) if blocks.enough else {}
    found = {}
    for name, value in whole.items():
        if np.isfinite(value[0]):
            low, high = (interval(resampled[name], blocks) if name in resampled else None) or (None, None)
            found[name] = Estimate(value=float(value[0]), low=low, high=high)
    return found


def _statistics(sums: F8Array) -> dict[str, F8Array]:
    crossed, known = sums[:, -2:].T
    found = statistics(sums[:, :WIDTH])
    if sums.shape[1] == WIDTH + CLASS_WIDTH + 2:
        found |= class_statistics(sums[:, WIDTH:-2])
    with np.errstate(divide="ignore", invalid="ignore"):
        return {**found, CROSS_SECTION: crossed / known}
