"""How good scores are on rows that the model never saw, with the uncertainty that overlapping labels leave."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.warehouse.models import ModelMetric
from pipeline.drift.information_coefficient import Correlation, doubled_ranks, spearman
from schemas.fields import F8Array, I8Array
from signaltape.training.calibration import sign_right
from signaltape.training.dataset import Rows

_RESAMPLES = 1_000
_FEWEST_BLOCKS = 10
_INTERVAL = (0.025, 0.975)
#: Metric → larger is better. Each correlation, rate and error also has `_low` and `_high`, its 95 % interval.
METRICS = {
    "ic": True,
    "rank_ic": True,
    "hit_rate": True,
    "rmse": False,
    "rmse_of_zero": False,
    "brier": False,
    "cross_section_rank_ic": True,
    "rows": True,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A number with its 95 % interval; None where there are too few blocks of time for one."""

    value: float
    low: float | None = None
    high: float | None = None


def evaluate(rows: Rows, score: F8Array, confidence: F8Array, horizon: int, seed: int) -> dict[str, Estimate]:
    """Judge scores and confidences, float64 (n,), of held-out ``rows``.

    ``ic``, ``rank_ic``: Pearson's and Spearman's correlation of score and return over all rows. ``hit_rate``: share
    of rows with a return whose sign the score has. ``rmse`` and, for comparison, that of always saying 0. ``brier``:
    mean squared error of the confidence. ``cross_section_rank_ic``: mean over prediction times of Spearman's
    correlation across at least 20 symbols; left out where no time has so many.

    Intervals: block bootstrap over time (Künsch 1989), percentiles of 1,000 seeded resamples of blocks of
    consecutive prediction times, all symbols together, max(horizon, T^(1/3)) times long: labels overlap and symbols
    move together, so rows are not independent. Ranks are those of the whole sample.
    """
    y = rows.y
    counted, right = sign_right(score, y)
    ranks = doubled_ranks(score).astype(np.float64), doubled_ranks(y).astype(np.float64)
    hits = counted & right
    columns = np.column_stack(
        [
            _moments(score, y),
            _moments(*ranks),
            np.column_stack([hits, counted, (score - y) ** 2, y**2, counted * (confidence - right) ** 2]),
        ]
    )
    blocks = _block_sums(columns, rows.event_time, horizon)
    found = _estimates(blocks, seed)
    crossed = _cross_sections(rows.event_time, score, y)
    if crossed is not None:
        found["cross_section_rank_ic"] = crossed
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


def _moments(x: F8Array, y: F8Array) -> F8Array:
    """Per row: 1, dx, dy, dx², dy², dx dy, with d from the whole sample's mean (sums then lose no digits)."""
    dx, dy = x - x.mean(), y - y.mean()
    return np.column_stack([np.ones_like(dx), dx, dy, dx * dx, dy * dy, dx * dy])


def _block_sums(columns: F8Array, event_time: I8Array, horizon: int) -> F8Array:
    """Sums of ``columns`` over blocks of consecutive prediction times; float64 (blocks, columns)."""
    _, at = np.unique(event_time, return_inverse=True)
    times = int(at.max()) + 1
    length = max(horizon, int(np.ceil(times ** (1 / 3))))
    sums = np.zeros((times // length + 1, columns.shape[1]))
    np.add.at(sums, at // length, columns)
    return sums


def _estimates(blocks: F8Array, seed: int) -> dict[str, Estimate]:
    whole = _statistics(blocks.sum(axis=0)[None, :])
    names = [name for name, value in whole.items() if np.isfinite(value[0])]
    if len(blocks) < _FEWEST_BLOCKS:
        return {name: Estimate(value=float(whole[name][0])) for name in names}
    generator = np.random.Generator(np.random.PCG64(seed))
    counts = generator.multinomial(len(blocks), np.full(len(blocks), 1.0 / len(blocks)), size=_RESAMPLES)
    resampled = _statistics(counts.astype(np.float64) @ blocks)
    found = {}
    for name in names:
        sample = resampled[name][np.isfinite(resampled[name])]
        low, high = np.quantile(sample, _INTERVAL).tolist()
        found[name] = Estimate(value=float(whole[name][0]), low=low, high=high)
    return found


def _statistics(sums: F8Array) -> dict[str, npt.NDArray[np.float64]]:
    """Statistics from sums, (resamples, columns) → (resamples,) each; NaN where undefined."""
    n = sums[:, 0]
    hits, counted, squared, of_zero, brier = sums[:, 12:].T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "ic": _correlation(sums[:, :6]),
            "rank_ic": _correlation(sums[:, 6:12]),
            "hit_rate": hits / counted,
            "rmse": np.sqrt(squared / n),
            "rmse_of_zero": np.sqrt(of_zero / n),
            "brier": brier / counted,
        }


def _correlation(sums: F8Array) -> F8Array:
    n, x, y, xx, yy, xy = sums.T
    return np.asarray((xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n)), dtype=np.float64)


def _cross_sections(event_time: I8Array, score: F8Array, y: F8Array) -> Estimate | None:
    starts = np.flatnonzero(np.diff(event_time, prepend=event_time[:1] - 1))
    found = []
    for begin, end in zip(starts, [*starts[1:], len(event_time)], strict=True):
        result = spearman(score[begin:end], y[begin:end])
        if isinstance(result, Correlation):
            found.append(result.value)
    return Estimate(value=float(np.mean(found))) if found else None
