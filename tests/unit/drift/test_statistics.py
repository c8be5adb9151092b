"""Rank correlation and stability index against scipy and against the reference file of other libraries' numbers."""

import doctest
import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from pipeline.drift import (
    categorical_stability,
    coefficient_mean,
    direction,
    information_coefficient,
    kolmogorov_smirnov,
    population_stability,
    sharpe,
    statistical_inefficiency,
)
from pipeline.drift.information_coefficient import Correlation, doubled_ranks, spearman
from pipeline.drift.population_stability import Reference, count_into, reference_of, stability_index
from pipeline.drift.results import Insufficient
from schemas.fields import F8Array

pytestmark = pytest.mark.unit
COARSE = st.integers(-4, 4).map(float)


MODULES = (
    information_coefficient, coefficient_mean, population_stability, categorical_stability, statistical_inefficiency,
    kolmogorov_smirnov, sharpe, direction,
)  # fmt: skip


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_examples_in_docstrings(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def correlation(x: F8Array, y: F8Array, minimum: int = 4) -> Correlation:
    result = spearman(x, y, minimum=minimum)
    assert isinstance(result, Correlation)
    return result


def test_spearman_equals_the_reference_numbers(columns: dict[str, F8Array]) -> None:
    factor, forward = columns["factor"], columns["fwd"]
    assert correlation(factor, forward).value == pytest.approx(0.06284210684210684, rel=1e-14)
    tied = correlation(np.round(factor), np.round(forward, 1))
    assert tied.value == pytest.approx(0.058670169889353294, rel=1e-14)


@given(st.lists(st.tuples(COARSE, COARSE), min_size=4, max_size=60), st.randoms(use_true_random=False))
def test_spearman_equals_scipy_with_ties_and_in_any_order(pairs: list[tuple[float, float]], rng: object) -> None:
    x, y = np.array(pairs).T
    assert (doubled_ranks(x) == 2 * rankdata(x)).all()
    result = spearman(x, y, minimum=4)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert result == Insufficient(n=len(x), minimum=4, reason="all predictions or all returns are equal")
        return
    assert isinstance(result, Correlation)
    assert result.value == pytest.approx(float(spearmanr(x, y).statistic), abs=1e-14)
    rng.shuffle(pairs)  # type: ignore[attr-defined]
    assert spearman(*np.array(pairs).T, minimum=4) == result


def test_interval_is_that_of_bonett_and_wright_and_covers() -> None:
    rng = np.random.default_rng(11)
    n, truth, hits = 60, 6 / math.pi * math.asin(0.5 / 2), 0
    for _ in range(600):
        x = rng.normal(size=n)
        found = correlation(x, 0.5 * x + math.sqrt(0.75) * rng.normal(size=n))
        hits += found.low <= truth <= found.high
    assert 0.925 <= hits / 600 <= 0.975
    found = correlation(np.arange(5.0), np.array([1.0, 3, 2, 5, 4]), 5)
    half = 1.959963984540054 * math.sqrt(1.32 / 2)
    assert [found.low, found.high] == pytest.approx(
        (math.tanh(math.atanh(0.8) - half), math.tanh(math.atanh(0.8) + half))
    )


@pytest.mark.parametrize(
    ("x", "y", "minimum", "expected"),
    [
        (range(19), range(19), 20, Insufficient(n=19, minimum=20, reason="too few names")),
        ([], [], 20, Insufficient(n=0, minimum=20, reason="too few names")),
        (range(3), range(3), 1, Insufficient(n=3, minimum=4, reason="too few names")),  # se needs n > 3
        (range(20), range(20), 20, Correlation(value=1.0, n=20, low=1.0, high=1.0)),
        (range(20), range(20, 0, -1), 20, Correlation(value=-1.0, n=20, low=-1.0, high=-1.0)),
    ],
)
def test_spearman_at_its_limits(x: list[float], y: list[float], minimum: int, expected: object) -> None:
    assert spearman(np.array(x, float), np.array(y, float), minimum=minimum) == expected


def test_spearman_refuses_what_compares_as_false() -> None:
    with pytest.raises(ValueError, match="not finite"):
        spearman(np.array([1.0, np.nan, 2, 3]), np.arange(4.0), minimum=4)
    with pytest.raises(ValueError, match="4 predictions against 5 returns"):
        spearman(np.arange(4.0), np.arange(5.0), minimum=4)


def test_psi_equals_the_reference_numbers(columns: dict[str, F8Array]) -> None:
    reference = reference_of(columns["ref"])
    assert reference.counts == (100,) * 10
    counts = count_into(np.array(reference.edges), columns["cur"])
    assert counts.tolist() == [80, 56, 79, 83, 107, 67, 107, 107, 129, 185]
    assert stability_index(reference, counts) == pytest.approx(0.11240465162177044, rel=1e-13)
    joined = Reference(edges=reference.edges[:-1], counts=(*reference.counts[:-2], sum(reference.counts[-2:])))
    nine = count_into(np.array(joined.edges), columns["cur"])
    assert stability_index(joined, nine) == pytest.approx(0.10415186857333145, rel=1e-13)
    assert stability_index(reference, np.array(reference.counts)) == 0.0


def test_psi_counts_mass_outside_the_reference() -> None:
    """Histograms over the reference's own range lose what lies beyond it: there, 10 % moved to 50 σ score 0.011."""
    rng = np.random.default_rng(3)
    sample = rng.normal(size=5_000)
    moved = sample.copy()
    moved[:500] = 50.0
    reference = reference_of(sample)
    found = stability_index(reference, count_into(np.array(reference.edges), moved))
    assert isinstance(found, float)
    assert found > 0.05
    below = stability_index(reference, count_into(np.array(reference.edges), np.full(5_000, -1e300)))
    assert isinstance(below, float)
    assert below > 10


def test_psi_zero_guard_is_one_in_a_million() -> None:
    found = stability_index(Reference(edges=(0.0,), counts=(50, 50)), np.array([100, 0]))
    assert found == pytest.approx(0.5 * math.log(2) + (1e-6 - 0.5) * math.log(1e-6 / 0.5), rel=1e-14)


def test_reference_of_few_distinct_values_joins_bins() -> None:
    reference = reference_of(np.array([0.0] * 85 + [1.0] * 15))
    assert reference.edges == (0.0, 1.0)
    assert reference.counts == (0, 85, 15)


@pytest.mark.parametrize(
    ("edges", "counts", "message"),
    [
        ((0.0, 0.0), (1, 1, 1), "not finite and ascending"),
        ((-math.inf, 0.0, math.inf), (1, 1), "not finite and ascending"),
        ((math.nan,), (1, 1), "not finite and ascending"),
        ((0.0, 1.0), (1, 1), "2 inner edges need 3 counts"),
        ((0.0,), (0, 0), "describe no sample"),
        ((0.0,), (2, -1), "describe no sample"),
    ],
)
def test_reference_that_cannot_be_one(edges: tuple[float, ...], counts: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reference(edges=edges, counts=counts)


def test_psi_too_small_or_of_other_bins() -> None:
    reference = Reference(edges=(0.0,), counts=(50, 50))
    assert stability_index(reference, np.array([10, 9])) == Insufficient(
        n=19, minimum=20, reason="too few observations"
    )
    tiny = reference_of(np.array([1.0, 2.0]))
    assert stability_index(tiny, np.full(10, 9)) == Insufficient(
        n=2, minimum=10, reason="the reference has fewer values than bins"
    )
    with pytest.raises(ValueError, match="3 counts against a reference of 2 bins"):
        stability_index(reference, np.array([1, 2, 3]))
