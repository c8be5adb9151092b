"""Mean coefficient: against numpy's own autocovariances and Student's quantiles; coverage under overlap."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from pipeline.drift.coefficient_mean import MeanCoefficient, mean_coefficient, student_quantile
from pipeline.drift.results import Insufficient
from schemas.fields import F8Array


def mean(values: F8Array, overlap: int) -> MeanCoefficient:
    found = mean_coefficient(values.tolist(), overlap=overlap)
    assert isinstance(found, MeanCoefficient)
    return found


def test_without_overlap_it_is_the_mean_of_a_sample() -> None:
    x = np.random.default_rng(1).normal(0.03, 0.1, 60)
    found = mean(x, 0)
    assert (found.days, found.effective, found.value) == (60, 60.0, pytest.approx(x.mean(), rel=1e-13))
    assert found.standard_error == pytest.approx(x.std(ddof=1) / math.sqrt(60), rel=1e-12)
    low, high = student.interval(0.95, 59, x.mean(), found.standard_error)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-7), pytest.approx(high, abs=1e-7))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("overlap", [1, 4, 9])
def test_variance_is_the_largest_of_three(seed: int, overlap: int) -> None:
    """The oracle takes numpy's correlate and a matrix of Bartlett weights instead of sums by lag."""
    rng = np.random.default_rng(seed)
    x = np.convolve(rng.normal(size=80 + overlap), np.ones(overlap + 1), "valid") if seed % 2 else rng.normal(size=80)
    n, d = len(x), x - x.mean()
    c = np.correlate(d, d, "full")[n - 1 :] / n
    lags = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    tapered = d @ (np.clip(1 - lags / (overlap + 1), 0, None) @ d) / n
    flat = d @ ((lags <= overlap) @ d) / n
    long_run = max(tapered, flat, c[0])
    found = mean(x, overlap)
    assert found.standard_error == pytest.approx(math.sqrt(long_run / (n - overlap - 1)), rel=1e-11)
    assert found.effective == pytest.approx(max(n * c[0] / long_run, 1), rel=1e-11)
    assert 1 <= found.effective <= n


@pytest.mark.parametrize(("days", "overlap", "least"), [(60, 0, 0.93), (60, 4, 0.905), (250, 4, 0.93), (100, 19, 0.87)])
def test_interval_covers_the_mean_of_overlapping_sums(days: int, overlap: int, least: float) -> None:
    rng = np.random.default_rng(5)
    hits = naive = 0
    for _ in range(600):
        x = np.convolve(rng.normal(size=days + overlap), np.ones(overlap + 1), "valid")
        found = mean(x, overlap)
        hits += found.low <= 0 <= found.high
        naive += abs(x.mean()) <= 1.96 * x.std(ddof=1) / math.sqrt(days)
    assert least <= hits / 600 <= 0.985
    assert (
        overlap == 0 or naive / 600 < 0.75
    )  # who takes overlapping days as independent is wrong a quarter of the time


@given(st.lists(st.floats(-1, 1), min_size=10, max_size=40), st.integers(0, 3))
def test_defined_for_any_coefficients(values: list[float], overlap: int) -> None:
    found = mean_coefficient(values, overlap=overlap)
    if isinstance(found, Insufficient):
        assert np.ptp(values) < 1e-150 or len(values) < 5 * (overlap + 1)
        return
    assert found.low <= found.value <= found.high
    assert 1 <= found.effective <= found.days


@pytest.mark.parametrize(
    ("values", "overlap", "expected"),
    [
        ([], 0, Insufficient(n=0, minimum=10, reason="too few days")),
        ([0.1] * 9, 0, Insufficient(n=9, minimum=10, reason="too few days")),
        ([0.1] * 24, 4, Insufficient(n=24, minimum=25, reason="too few days for their overlap")),
        (
            [0.1] * 25,
            4,
            Insufficient(n=25, minimum=10, reason="all days have one value"),
        ),  # an error of 0 would be a lie
    ],
)
def test_too_little_for_a_mean(values: list[float], overlap: int, expected: Insufficient) -> None:
    assert mean_coefficient(values, overlap=overlap) == expected


def test_mean_refuses_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="not finite"):
        mean_coefficient([0.1, math.nan] * 10, overlap=0)
    with pytest.raises(ValueError, match="overlap -1 is negative"):
        mean_coefficient([0.1, 0.2] * 10, overlap=-1)


def test_quantile_equals_scipy() -> None:
    for freedom in (5.0, 7.3, 20.0, 400.0):
        for probability in (0.9, 0.95, 0.975, 0.995):
            exact = student.ppf(probability, freedom)
            assert student_quantile(probability, freedom) == pytest.approx(exact, rel=0.004)
    assert student_quantile(0.975, 2.0) == pytest.approx(student.ppf(0.975, 2.0), rel=0.03)
    assert student_quantile(0.975, 1.0) == student_quantile(0.975, 2.0)
