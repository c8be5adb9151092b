"""Intervals for numbers over overlapping labels: a moving-block bootstrap over prediction times.

A label over h bars shares h - 1 bars with its neighbour's, and the symbols of one time move together: rows are not
independent. So whole times are drawn, all symbols of a time together, and in blocks longer than the overlap.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from schemas.fields import F8Array, I8Array

#: Fewer blocks of time give no interval.
FEWEST_BLOCKS = 10
RESAMPLES = 1_000
#: Blocks of so many horizons: one horizon alone would miss a third of the variance that the overlap brings.
_HORIZONS = 3
_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """How ``times`` prediction times are cut: blocks of ``length`` consecutive ones, ``count`` of them a resample."""

    times: int
    length: int

    @property
    def count(self) -> int:
        """How many whole blocks the times hold: what stands for the number of independent observations."""
        return self.times // self.length

    @property
    def enough(self) -> bool:
        """Whether an interval can be given."""
        return self.count >= FEWEST_BLOCKS


def blocks_of(times: int, horizon: int) -> Blocks:
    """Return the blocks for labels over ``horizon`` bars: max(3 · horizon, T^(1/3)) times long.

    Where that leaves fewer than ten, blocks are shortened, but never below one horizon. With blocks of l, the variance
    of a mean comes out as Σ (1 - |k|/l) γ_k over |k| < l (Künsch 1989): for labels over h bars and a score that stays,
    l = h gives 2/3 of the true value, l = 3h gives 8/9.

    >>> blocks_of(1_000, 5)
    Blocks(times=1000, length=15)
    >>> blocks_of(100, 5).length, blocks_of(40, 5).enough
    (10, False)
    """
    wanted = max(_HORIZONS * horizon, math.ceil(times ** (1 / 3)))
    return Blocks(times=times, length=max(1, min(wanted, max(horizon, times // FEWEST_BLOCKS))))


def time_sums(columns: F8Array, event_time: I8Array) -> F8Array:
    """Return sums of ``columns`` (rows, k) over the rows of each time, in time order: float64 (times, k)."""
    _, at = np.unique(event_time, return_inverse=True)
    sums = np.zeros((int(at.max(initial=-1)) + 1, columns.shape[1]))
    np.add.at(sums, at, columns)
    return sums


def resampled_sums(sums: F8Array, blocks: Blocks, seed: int, resamples: int = RESAMPLES) -> F8Array:
    """Return ``resamples`` sums over as many times as there are, drawn in blocks: float64 (resamples, k).

    Künsch, *The jackknife and the bootstrap for general stationary observations*, Annals of Statistics 17 (1989):
    blocks begin at any time with equal probability and overlap; round(T / l) of them make one resample. Equal seeds
    give equal draws, so that two models in one ``sums`` are compared on the same times (paired).
    """
    running = np.concatenate([np.zeros((1, sums.shape[1])), np.cumsum(sums, axis=0)])
    windows = running[blocks.length :] - running[: -blocks.length]
    generator = np.random.Generator(np.random.PCG64(seed))
    starts = generator.integers(0, len(windows), size=(resamples, max(1, round(blocks.times / blocks.length))))
    return np.stack([windows[drawn].sum(axis=0) for drawn in starts])


def interval(sample: F8Array, blocks: Blocks, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the expanded percentile interval of a resampled statistic, shape (resamples,); None if it has no values.

    Hesterberg, *What teachers should know about the bootstrap*, The American Statistician 69 (2015), 3.4: with n blocks
    the percentiles are Φ(± t · √(n / (n - 1))), t the quantile of Student's distribution with n - 1 degrees of freedom,
    instead of Φ(± z): plain percentiles are too narrow by what the sample's own variance lacks.
    """
    known = sample[np.isfinite(sample)]
    if not len(known) or not blocks.enough:
        return None
    n = blocks.count
    reach = student_quantile(0.5 + confidence / 2, n - 1) * math.sqrt(n / (n - 1))
    low, high = np.quantile(known, (_NORMAL.cdf(-reach), _NORMAL.cdf(reach))).tolist()
    return low, high


def student_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t from 9 degrees of freedom on, to four digits.

    Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.5: an expansion around the normal quantile.

    >>> round(student_quantile(0.975, 9), 3), round(student_quantile(0.975, 100), 3)
    (2.262, 1.984)
    """
    z = _NORMAL.inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return sum(term / float(degrees) ** power for power, term in enumerate(terms))
