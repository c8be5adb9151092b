"""Two models on the same rows: each metric, their difference, and an interval for it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.comparison.bootstrap import Blocks, blocks_of, interval, resampled_sums, time_sums
from pipeline.comparison.metrics import CROSS_SECTION, METRICS, WIDTH, cross_sections, metric_columns, statistics
from schemas.fields import F8Array, I8Array

#: What is compared, and whether larger is better. ``edge``: mean over all rows of direction · return, with the
#: direction that the model's thresholds give: what a unit position per signal would have earned, before costs.
COMPARED = {**{name: up for name, up in METRICS.items() if name != "rmse_of_zero"}, CROSS_SECTION: True, "edge": True}
_RESAMPLES = 2_000
Outcome = Literal["improved", "regressed", "undecided"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """One model's answers, float64 (n,): score, confidence, and ``direction`` in {-1, 0, 1}."""

    score: F8Array
    confidence: F8Array
    direction: F8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answers:
    """n rows that both models answered, in time order: ``y`` float64 (n,), log return over the horizon; ``event_time``
    int64 (n,)."""

    y: F8Array
    event_time: I8Array
    champion: Scored
    challenger: Scored


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One metric of both models; ``difference`` is challenger - champion.

    ``percent`` of the champion's size, None where that is 0. ``low``, ``high``: paired interval of the difference,
    None where there are too few blocks of time for one.
    """

    metric: str
    higher_is_better: bool
    champion: float
    challenger: float
    difference: float
    percent: float | None
    low: float | None
    high: float | None

    @property
    def gain(self) -> float:
        """The difference, positive where the challenger is better."""
        return self.difference if self.higher_is_better else -self.difference

    @property
    def gain_bounds(self) -> tuple[float, float] | None:
        """The interval of the gain."""
        if self.low is None or self.high is None:
            return None
        return (self.low, self.high) if self.higher_is_better else (-self.high, -self.low)

    @property
    def outcome(self) -> Outcome:
        """``improved`` or ``regressed`` if the interval leaves 0 out."""
        bounds = self.gain_bounds
        if bounds is None or bounds[0] <= 0.0 <= bounds[1]:
            return "undecided"
        return "improved" if bounds[0] > 0.0 else "regressed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """The comparison over ``rows`` rows; ``undefined`` metrics have no value for one of the models."""

    rows: int
    blocks: Blocks
    confidence: float
    differences: tuple[Difference, ...]
    undefined: tuple[str, ...]

    def of(self, metric: str) -> Difference | None:
        """One metric, None if it is undefined."""
        return next((one for one in self.differences if one.metric == metric), None)


def compare(answers: Answers, horizon: int, *, seed: int = 7, confidence: float = 0.95) -> Paired:
    """Compare two models over rows whose labels span ``horizon`` bars.

    The interval of each difference is that of ``bootstrap.interval`` over resamples that draw the same blocks of times
    for both models (paired), so what moves both alike cancels. Ranks are those of the whole sample. Raises ValueError
    without rows.
    """
    if not len(answers.y):
        raise ValueError("there are no rows to compare on")
    sides = (answers.champion, answers.challenger)
    sums = np.column_stack([_side_sums(answers, side) for side in sides])
    blocks = blocks_of(len(sums), horizon)
    whole = _both(sums.sum(axis=0)[None, :])
    resampled = _both(resampled_sums(sums, blocks, seed, _RESAMPLES)) if blocks.enough else None
    made = []
    for name in COMPARED:
        old, new = (float(side[name][0]) for side in whole)
        if np.isfinite(old) and np.isfinite(new):
            drawn = None if resampled is None else resampled[1][name] - resampled[0][name]
            made.append(_difference(name, old, new, None if drawn is None else interval(drawn, blocks, confidence)))
    return Paired(
        rows=len(answers.y),
        blocks=blocks,
        confidence=confidence,
        differences=tuple(made),
        undefined=tuple(name for name in COMPARED if name not in {one.metric for one in made}),
    )


def _side_sums(answers: Answers, side: Scored) -> F8Array:
    columns = np.column_stack([metric_columns(side.score, side.confidence, answers.y), side.direction * answers.y])
    crossed = cross_sections(answers.event_time, side.score, answers.y)
    known = np.isfinite(crossed)
    return np.column_stack([time_sums(columns, answers.event_time), np.where(known, crossed, 0.0), known])


def _both(sums: F8Array) -> tuple[dict[str, F8Array], dict[str, F8Array]]:
    """Statistics of champion and challenger, (m, 2 · width) → (m,) each."""
    champion, challenger = np.split(sums, 2, axis=1)
    return _of_side(champion), _of_side(challenger)


def _of_side(sums: F8Array) -> dict[str, F8Array]:
    found = statistics(sums[:, :WIDTH])
    earned, crossed, known = sums[:, WIDTH:].T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {**found, "edge": earned / sums[:, 0], CROSS_SECTION: crossed / known}


def _difference(name: str, champion: float, challenger: float, bounds: tuple[float, float] | None) -> Difference:
    difference = challenger - champion
    return Difference(
        metric=name,
        higher_is_better=COMPARED[name],
        champion=champion,
        challenger=challenger,
        difference=difference,
        percent=None if champion == 0.0 else 100.0 * difference / abs(champion),
        low=None if bounds is None else bounds[0],
        high=None if bounds is None else bounds[1],
    )
