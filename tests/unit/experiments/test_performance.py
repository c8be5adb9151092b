"""Return, drawdown, Sharpe and the difference of two arms, against pandas, scipy and repeated draws."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.drift.results import Insufficient
from pipeline.experiments.difference import ArmReturns, differences, seed_of
from pipeline.experiments.performance import Sharpe, max_drawdown, sharpe_ratio, total_return
from schemas.fields import F8Array
from schemas.intervals import MINUTE

RNG = np.random.default_rng(8)
RETURNS = RNG.standard_t(4, 500) * 1e-3 + 1e-4


def test_return_and_drawdown_equal_those_of_pandas() -> None:
    wealth = (1 + pd.Series(RETURNS)).cumprod()
    assert total_return(RETURNS) == pytest.approx(wealth.iloc[-1] - 1, rel=1e-12)
    start = pd.concat([pd.Series([1.0]), wealth])
    assert max_drawdown(RETURNS) == pytest.approx((1 - start / start.cummax()).max(), rel=1e-12)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [([], 0.0), ([0.5], 0.0), ([-0.5], 0.5), ([0.5, -0.5, -0.5], 0.75), ([-0.1, 0.5], 0.1)],
)
def test_drawdown_counts_from_the_start(returns: list[float], expected: float) -> None:
    assert max_drawdown(np.array(returns)) == pytest.approx(expected)


def test_sharpe_and_its_error() -> None:
    """The error against the spread of the ratio over repeated samples of the same law."""
    found = sharpe_ratio(RETURNS, 252)
    assert isinstance(found, Sharpe)
    assert found.value == pytest.approx(RETURNS.mean() / RETURNS.std(ddof=1) * math.sqrt(252))
    ratio = RETURNS.mean() / RETURNS.std(ddof=1)
    skewness, kurtosis = stats.skew(RETURNS), stats.kurtosis(RETURNS, fisher=False)
    expected = math.sqrt((1 - skewness * ratio + (kurtosis - 1) * ratio**2 / 4) / 500) * math.sqrt(252)
    assert found.error == pytest.approx(expected, rel=1e-9)
    drawn = np.random.default_rng(1).normal(0.1, 1.0, (4_000, 500))
    ratios = drawn.mean(axis=1) / drawn.std(axis=1, ddof=1)
    errors = [sharpe_ratio(row, 1.0) for row in drawn[:200]]
    assert np.mean([one.error for one in errors if isinstance(one, Sharpe)]) == pytest.approx(ratios.std(), rel=0.05)


@pytest.mark.parametrize(
    ("returns", "reason"), [(RETURNS[:29], "too few bar times"), (np.zeros(50), "all returns are equal")]
)
def test_too_little_for_a_sharpe_is_said(returns: F8Array, reason: str) -> None:
    found = sharpe_ratio(returns, 252)
    assert isinstance(found, Insufficient)
    assert found.reason == reason


def side(returns: F8Array, first: int = 0) -> ArmReturns:
    return ArmReturns(times=(np.arange(len(returns)) + first) * MINUTE, returns=returns)


def test_differences_are_those_of_the_common_times_or_of_all() -> None:
    control, arm = RETURNS[:300], RETURNS[200:450] * 2
    found = differences(side(control), side(arm, 100), horizon=1, seed=1)
    assert found is not None
    assert found.times == 200
    assert found.paired.value == pytest.approx(arm[:200].mean() - control[100:].mean())
    assert found.unpaired.value == pytest.approx(arm.mean() - control.mean())
    ratios = [one.mean() / one.std(ddof=1) for one in (arm[:200], control[100:])]
    assert found.sharpe.value == pytest.approx(ratios[0] - ratios[1])


def test_sides_without_a_common_time_are_not_compared() -> None:
    assert differences(side(RETURNS[:50]), side(RETURNS[:50], 50), horizon=1, seed=1) is None


def test_too_few_blocks_give_a_value_without_an_interval() -> None:
    found = differences(side(RETURNS[:40]), side(RETURNS[40:80]), horizon=5, seed=1)
    assert found is not None
    assert (found.paired.low, found.unpaired.high) == (None, None)
    assert found.paired.value is not None
    assert not found.paired.beyond_chance


def test_a_constant_side_has_no_sharpe() -> None:
    found = differences(side(np.zeros(200)), side(RETURNS[:200]), horizon=1, seed=1)
    assert found is not None
    assert found.sharpe.value is None
    assert found.paired.value == pytest.approx(RETURNS[:200].mean())


def test_what_moves_both_alike_cancels_in_pairs_only() -> None:
    common = RNG.normal(0, 1e-2, 400)
    control, arm = common + RNG.normal(0, 1e-4, 400), common + 1e-4 + RNG.normal(0, 1e-4, 400)
    found = differences(side(control), side(arm), horizon=1, seed=3)
    assert found is not None
    assert found.paired.beyond_chance
    assert not found.unpaired.beyond_chance


def test_equal_seeds_give_equal_intervals() -> None:
    assert seed_of("exp-1") == seed_of("exp-1") != seed_of("exp-2")
    sides = side(RETURNS[:200]), side(RETURNS[200:400])
    assert differences(*sides, horizon=5, seed=7) == differences(*sides, horizon=5, seed=7)


@pytest.mark.parametrize("kept", [0.0, 0.3], ids=["independent", "autocorrelated"])
def test_intervals_hold_the_true_difference_as_often_as_they_say(kept: float) -> None:
    """100 pairs of series without any difference: 95 % intervals miss 0 in about five of them."""
    generator, missed = np.random.default_rng(11), 0
    for number in range(100):
        noise = generator.normal(0, 1, (2, 400))
        for step in range(1, 400):
            noise[:, step] += kept * noise[:, step - 1]
        found = differences(side(noise[0]), side(noise[1]), horizon=3, seed=number)
        assert found is not None
        missed += found.paired.beyond_chance
    assert 1 <= missed <= 11
