"""Two-sample comparison against scipy and the reference numbers; its level on dependent values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import ks_2samp, kstwo, kstwobign

from pipeline.drift.kolmogorov_smirnov import (
    TwoSamples,
    kolmogorov_p,
    kolmogorov_smirnov,
    kolmogorov_smirnov_of_counts,
)
from pipeline.drift.population_stability import count_into
from pipeline.drift.results import Insufficient
from pipeline.drift.statistical_inefficiency import statistical_inefficiency
from schemas.fields import F8Array

COARSE = st.lists(st.integers(-5, 5).map(float), min_size=4, max_size=40)


def compare(reference: F8Array, current: F8Array, *, independent: bool = False) -> TwoSamples:
    found = kolmogorov_smirnov(reference, current, independent=independent)
    assert isinstance(found, TwoSamples)
    return found


def autoregressive(rng: np.random.Generator, phi: float, n: int) -> F8Array:
    return np.asarray(lfilter([1.0], [1.0, -phi], rng.normal(size=n + 1_000))[1_000:])


def garch(rng: np.random.Generator, n: int) -> F8Array:
    x, variance = np.empty(n + 200), 1.0
    for i, noise in enumerate(rng.normal(size=n + 200).tolist()):
        x[i] = math.sqrt(variance) * noise
        variance = 0.02 + 0.08 * x[i] ** 2 + 0.9 * variance
    return x[200:]


def test_equals_the_reference_numbers(columns: dict[str, F8Array]) -> None:
    whole = compare(columns["ref"], columns["cur"], independent=True)
    assert (whole.statistic, whole.reference_size, whole.size, whole.inefficiency) == (0.134, 1000, 1000, 1.0)
    assert whole.p_value == pytest.approx(3.042740004182204e-08, rel=0.15)
    part = compare(columns["ref"][:50], columns["cur"][:80], independent=True)
    assert part.statistic == 0.1575
    assert part.p_value == pytest.approx(0.3881728860243335, rel=0.03)


@given(COARSE, COARSE)
def test_statistic_equals_scipy_with_ties_and_by_counts(a: list[float], b: list[float]) -> None:
    x, y = np.array(a), np.array(b)
    found = kolmogorov_smirnov(x, y, independent=True, minimum=4)
    if len(set(a)) == 1:
        assert isinstance(found, Insufficient)
        return
    assert isinstance(found, TwoSamples)
    exact = ks_2samp(x, y, method="asymp").statistic
    assert found.statistic == pytest.approx(exact, abs=1e-14)
    backwards = kolmogorov_smirnov(x[::-1], y[::-1], independent=True, minimum=4)
    assert backwards == found
    every = np.arange(-5.0, 6.0)  # an edge at every value: the counts hide nothing
    counts = kolmogorov_smirnov_of_counts(count_into(every, x), count_into(every, y), minimum=4)
    if isinstance(counts, TwoSamples):
        assert counts.statistic == found.statistic
    few = kolmogorov_smirnov_of_counts(count_into(every[5:6], x), count_into(every[5:6], y), minimum=4)
    assert isinstance(few, Insufficient) or few.statistic <= found.statistic


def test_p_value_equals_the_limit_and_is_near_the_exact_one() -> None:
    for size in (4.0, 10.0, 30.0, 450.0):
        for d in (0.05, 0.1, 0.3, 0.5):
            z = d * (math.sqrt(size) + 0.12 + 0.11 / math.sqrt(size))
            assert kolmogorov_p(d, size) == pytest.approx(float(kstwobign.sf(z)), rel=1e-9, abs=1e-12)
            exact = float(kstwo.sf(d, round(size)))  # of one sample: what two large ones come to
            assert kolmogorov_p(d, size) == pytest.approx(exact, abs=0.02)
    assert kolmogorov_p(0.0, 100.0) == 1.0
    assert 0 <= kolmogorov_p(1.0, 1e6) < 1e-300


def test_dependent_values_reject_no_more_often_than_they_should() -> None:
    """Stationary AR(.98), 5,000 against 500: the plain test finds a drift almost always."""
    rng = np.random.default_rng(17)
    plain = corrected = 0
    for _ in range(150):
        a, b = autoregressive(rng, 0.98, 5_000), autoregressive(rng, 0.98, 500)
        plain += compare(a, b, independent=True).p_value < 0.05
        corrected += compare(a, b).p_value < 0.05
    assert plain / 150 > 0.93
    assert corrected / 150 <= 0.05


def test_clustered_volatility_rejects_no_more_often_than_it_should() -> None:
    rng = np.random.default_rng(18)
    plain = corrected = 0
    for _ in range(80):
        a, b = garch(rng, 3_000), garch(rng, 500)
        plain += compare(a, b, independent=True).p_value < 0.05
        corrected += compare(a, b).p_value < 0.05
    assert plain / 80 > 0.1
    assert corrected / 80 <= 0.05


def test_independent_values_reject_at_the_level_and_a_shift_is_found() -> None:
    rng = np.random.default_rng(19)
    plain = corrected = found = 0
    for _ in range(400):
        a, b = rng.standard_t(3, size=1_000), rng.standard_t(3, size=200)
        plain += compare(a, b, independent=True).p_value < 0.05
        corrected += compare(a, b).p_value < 0.05
        found += compare(a, b + 0.5).p_value < 0.05
    assert 0.03 <= plain / 400 <= 0.07
    assert 0.01 <= corrected / 400 <= 0.06
    assert found / 400 > 0.95


def test_inefficiency_is_that_of_the_process() -> None:
    rng = np.random.default_rng(20)
    for phi in (0.0, 0.5, 0.9):
        g = [statistical_inefficiency(autoregressive(rng, phi, 20_000)) for _ in range(5)]
        assert np.mean([one for one in g if isinstance(one, float)]) == pytest.approx((1 + phi) / (1 - phi), rel=0.12)
    x = autoregressive(rng, 0.7, 501)
    d = x - x.mean()
    rho = np.correlate(d, d, "full")[500:] / (d @ d)
    total, k = 0.0, 0
    while rho[k] + rho[k + 1] > 0:
        total, k = total + rho[k] + rho[k + 1], k + 2
    assert statistical_inefficiency(x) == pytest.approx(2 * total - 1, rel=1e-9)
    assert statistical_inefficiency(x * 1e307 / np.abs(x).max()) == pytest.approx(2 * total - 1, rel=1e-9)


def test_inefficiency_of_alternating_values_is_one_and_of_a_trend_is_large() -> None:
    assert statistical_inefficiency(np.array([1.0, -1.0] * 50)) == 1.0
    trend = statistical_inefficiency(np.arange(1_000.0))
    assert isinstance(trend, float)
    assert trend > 200
    assert statistical_inefficiency(np.arange(19.0)) == Insufficient(n=19, minimum=20, reason="too few values")
    with pytest.raises(ValueError, match="not finite"):
        statistical_inefficiency(np.array([1.0, np.inf] * 20))


LINE = np.arange(40.0)


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        ([], LINE, Insufficient(n=0, minimum=20, reason="too few values in the reference")),
        (LINE, LINE[:19], Insufficient(n=19, minimum=20, reason="too few values in the current sample")),
        (LINE * 0, LINE * 0, Insufficient(n=40, minimum=20, reason="all values of the reference are equal")),
        (LINE, LINE * 0 + 20, Insufficient(n=40, minimum=20, reason="all values of the current sample are equal")),
    ],
)
def test_never_a_false_stable(reference: F8Array, current: F8Array, expected: Insufficient) -> None:
    assert kolmogorov_smirnov(np.array(reference), current) == expected


def test_a_frozen_value_is_found_where_values_are_independent() -> None:
    assert compare(LINE, np.full(40, 20.0), independent=True).p_value < 1e-3


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        ([10, 9], [50, 50], Insufficient(n=19, minimum=20, reason="too few values in the reference")),
        ([50, 50], [0, 0], Insufficient(n=0, minimum=20, reason="too few values in the current sample")),
        ([50, 0], [50, 0], Insufficient(n=50, minimum=20, reason="the reference lies in a single bin")),
        ([1] * 30, [0] * 29 + [29], Insufficient(n=29, minimum=30, reason="too few values in the current sample")),
    ],
)
def test_counts_that_say_too_little(reference: list[int], current: list[int], expected: Insufficient) -> None:
    assert kolmogorov_smirnov_of_counts(np.array(reference), np.array(current)) == expected


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="a value of the current sample is not finite"):
        kolmogorov_smirnov(LINE, np.full(40, np.nan))
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        kolmogorov_smirnov_of_counts(np.array([30, 1]), np.array([30, 1, 1]))
    with pytest.raises(ValueError, match="negative"):
        kolmogorov_smirnov_of_counts(np.array([30, -1]), np.array([30, 1]))
    with pytest.raises(ValueError, match="inefficiency nan"):
        kolmogorov_smirnov_of_counts(np.array([30, 1]), np.array([30, 1]), inefficiency=math.nan)


def test_inefficiency_of_counts_divides_the_sizes() -> None:
    a, b = np.array([400, 600]), np.array([520, 480])
    once = kolmogorov_smirnov_of_counts(a, b)
    tenth = kolmogorov_smirnov_of_counts(a, b, inefficiency=10.0)
    small = kolmogorov_smirnov_of_counts(a // 10, b // 10)
    assert isinstance(once, TwoSamples)
    assert isinstance(tenth, TwoSamples)
    assert isinstance(small, TwoSamples)
    assert once.p_value < tenth.p_value == pytest.approx(small.p_value, rel=1e-12)
