"""Sharpe ratio against the reference numbers, scipy's moments, and its own spread in repeated samples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kurtosis, skew

from pipeline.drift.results import Insufficient
from pipeline.drift.sharpe import Sharpe, sharpe
from schemas.fields import F8Array


def ratio(returns: F8Array) -> Sharpe:
    found = sharpe(returns)
    assert isinstance(found, Sharpe)
    return found


def test_equals_the_reference_numbers(columns: dict[str, F8Array]) -> None:
    found = ratio(columns["ret"])
    assert found.value == pytest.approx(0.6736510759865522, rel=1e-13)
    assert found.n == 1000


@given(st.lists(st.integers(-50, 50), min_size=5, max_size=60), st.sampled_from([1e-300, 1e-3, 1.0, 1e300]))
def test_value_and_errors_equal_the_formulas(grid: list[int], unit: float) -> None:
    x = np.array(grid, float)
    found = sharpe(x * unit)
    if len(set(grid)) == 1:
        assert found == Insufficient(n=len(grid), minimum=5, reason="the returns do not vary")
        return
    assert isinstance(found, Sharpe)
    s, n = x.mean() / x.std(ddof=1), len(x)
    assert found.value == pytest.approx(math.sqrt(252) * s, rel=1e-9, abs=1e-9)
    assert found.standard_error_normal == pytest.approx(math.sqrt(252 * (1 + s * s / 2) / n), rel=1e-9)
    mertens = 1 + s * s / 2 - skew(x) * s + kurtosis(x) / 4 * s * s
    assert found.standard_error**2 == pytest.approx(252 * max(mertens, 0) / n, rel=1e-6, abs=1e-9)
    assert found.low <= found.value <= found.high


def test_error_with_moments_is_the_spread_of_skewed_samples() -> None:
    """Returns of rare large losses: the normal formula is too small by a quarter."""
    rng = np.random.default_rng(23)
    samples = [ratio(0.6 - rng.exponential(0.5, size=250)) for _ in range(800)]
    spread = np.std([one.value for one in samples])
    assert np.mean([one.standard_error for one in samples]) == pytest.approx(spread, rel=0.1)
    assert np.mean([one.standard_error_normal for one in samples]) < 0.93 * spread


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([], Insufficient(n=0, minimum=5, reason="too few returns")),
        ([0.1, 0.2, 0.1, 0.3], Insufficient(n=4, minimum=5, reason="too few returns")),
        ([0.0] * 20, Insufficient(n=20, minimum=5, reason="the returns do not vary")),
        ([0.001] * 20, Insufficient(n=20, minimum=5, reason="the returns do not vary")),  # others: 2.4e16 or infinity
        ([0.1 + 0.2, 0.3] * 10, Insufficient(n=20, minimum=5, reason="the returns do not vary")),  # differ in a bit
    ],
)
def test_no_ratio(returns: list[float], expected: Insufficient) -> None:
    assert sharpe(np.array(returns)) == expected


def test_refuses_nan() -> None:
    with pytest.raises(ValueError, match="a return is not finite"):
        sharpe(np.array([0.1, np.nan, 0.2, 0.1, 0.0]))
