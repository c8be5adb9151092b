"""Arm against control: the difference of their mean returns and Sharpe ratios, with intervals from whole bar times."""

import hashlib
from dataclasses import dataclass

import numpy as np

from pipeline.comparison.bootstrap import Blocks, blocks_of, interval, resampled_sums
from schemas.fields import F8Array, I8Array

RESAMPLES = 2_000
#: Columns of one side: how many times, the sum of returns and of their squares.
_WIDTH = 3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmReturns:
    """One side's mean return over its symbols at distinct ``times`` (ns UTC, ascending); both of shape (n,)."""

    times: I8Array
    returns: F8Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Arm minus control, None where a side has no such number.

    ``low``, ``high``: interval at the confidence asked for, None where bar times are too few.
    """

    value: float | None
    low: float | None
    high: float | None

    @property
    def beyond_chance(self) -> bool:
        """True if the interval leaves 0 out."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Differences:
    """``paired``: both sides resampled at the same times, those that both have; what moves both alike cancels.

    ``unpaired``: each side resampled by itself, over all of its times. ``sharpe`` (of one bar) is paired.
    """

    times: int
    blocks: Blocks
    confidence: float
    paired: Difference
    unpaired: Difference
    sharpe: Difference


def seed_of(experiment: str) -> int:
    """Return a seed that is the same in every process: a report printed twice says the same."""
    return int.from_bytes(hashlib.sha256(experiment.encode()).digest()[:8], "big")


def differences(
    control: ArmReturns, arm: ArmReturns, *, horizon: int, seed: int, confidence: float = 0.95
) -> Differences | None:
    """Compare two sides by a moving-block bootstrap over bar times (``pipeline.comparison.bootstrap``).

    ``horizon``: bars over which the models' labels, and so their positions, overlap. None if they share no time.
    """
    both, ours, theirs = np.intersect1d(control.times, arm.times, assume_unique=True, return_indices=True)
    if not len(both):
        return None
    sides = control.returns[ours], arm.returns[theirs]
    blocks = blocks_of(len(both), horizon)
    drawn = resampled_sums(np.column_stack([_columns(side) for side in sides]), blocks, seed, RESAMPLES)
    old, new = np.split(drawn, 2, axis=1)
    apart = [_alone(one, horizon, seed + 1 + place) for place, one in enumerate((control, arm))]
    return Differences(
        times=len(both),
        blocks=blocks,
        confidence=confidence,
        paired=_difference(sides[1].mean() - sides[0].mean(), _mean(new) - _mean(old), blocks, confidence),
        unpaired=_difference(
            arm.returns.mean() - control.returns.mean(),
            _mean(apart[1][0]) - _mean(apart[0][0]),
            min((one[1] for one in apart), key=lambda one: one.count),
            confidence,
        ),
        sharpe=_difference(_ratio_of(sides[1]) - _ratio_of(sides[0]), _ratio(new) - _ratio(old), blocks, confidence),
    )


def _alone(side: ArmReturns, horizon: int, seed: int) -> tuple[F8Array, Blocks]:
    blocks = blocks_of(len(side.times), horizon)
    return resampled_sums(_columns(side.returns), blocks, seed, RESAMPLES), blocks


def _columns(returns: F8Array) -> F8Array:
    return np.column_stack([np.ones(len(returns)), returns, returns**2])


def _mean(sums: F8Array) -> F8Array:
    return np.asarray(sums[:, 1] / sums[:, 0], dtype=np.float64)


def _ratio(sums: F8Array) -> F8Array:
    """Mean over standard deviation (ddof 1) from sums; NaN where all returns are equal."""
    n, total, squares = sums[:, :_WIDTH].T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(total / n / np.sqrt((squares - total**2 / n) / (n - 1.0)), dtype=np.float64)


def _ratio_of(returns: F8Array) -> float:
    return float(_ratio(_columns(returns).sum(axis=0)[None, :])[0])


def _difference(value: float, drawn: F8Array, blocks: Blocks, confidence: float) -> Difference:
    bounds = interval(drawn, blocks, confidence)
    low, high = (None, None) if bounds is None else bounds
    return Difference(value=float(value) if np.isfinite(value) else None, low=low, high=high)
