"""Ten bins out of many: nothing is lost, each holds a tenth, and healthy samples of few names look healthy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.drift.coarse_bins import PARTS, coarse
from pipeline.drift.feature_report import stability
from pipeline.drift.population_stability import chance_index
from pipeline.feature_stats import BINS, EDGES

pytestmark = pytest.mark.unit
COUNTS = arrays(np.int64, (3, 20), elements=st.integers(0, 50))


def counted(values: np.ndarray) -> np.ndarray:
    bins = np.searchsorted(EDGES, values, side="right")
    return np.array([np.bincount(row, minlength=BINS) for row in bins])


@given(COUNTS, COUNTS)
def test_no_value_is_lost_and_no_part_is_small(reference: np.ndarray, today: np.ndarray) -> None:
    expected, actual = coarse(reference, today)
    assert (expected.sum(axis=1) == reference.sum(axis=1)).all()
    assert (actual.sum(axis=1) == today.sum(axis=1)).all()
    assert (expected[:, [0, PARTS + 1]] == 0).all()
    for row in expected:
        parts = row[row > 0]
        assert len(parts) <= PARTS
        assert (parts * PARTS >= row.sum()).all()


@given(COUNTS)
def test_what_lies_outside_the_reference_stays_apart(today: np.ndarray) -> None:
    reference = np.zeros((3, 20), np.int64)
    reference[:, 5:9] = 25
    _, actual = coarse(reference, today)
    assert (actual[:, 0] == today[:, :5].sum(axis=1)).all()
    assert (actual[:, PARTS + 1] == today[:, 9:].sum(axis=1)).all()


def test_a_tenth_that_flew_away_is_seen() -> None:
    rng = np.random.default_rng(1)
    reference = counted(rng.standard_normal((1, 20_000)))
    today = rng.standard_normal((1, 5_000))
    today[:, :500] += 50
    assert stability(reference, counted(today))[0] > 0.25


def test_a_feature_that_was_constant_is_seen_to_move() -> None:
    reference = counted(np.zeros((1, 1_000)))
    assert stability(reference, counted(np.zeros((1, 500))))[0] == 0.0
    assert stability(reference, counted(np.full((1, 500), 2.0)))[0] > 1
    assert stability(reference, counted(np.full((1, 500), -2.0)))[0] > 1


@pytest.mark.parametrize("names", [20, 50, 500])
def test_what_chance_explains_is_hardly_exceeded(names: int) -> None:
    """Two thousand healthy sessions; with 500 names a shift by one is beyond chance every time."""
    rng = np.random.default_rng(names)
    reference = np.tile(counted(rng.standard_t(3, (1, 50_000))), (2_000, 1))
    chance = chance_index(names, 50_000, PARTS)
    healthy = stability(reference, counted(rng.standard_t(3, (2_000, names))))
    assert (healthy > chance).mean() < 1 / 300
    if names == 500:
        moved = stability(reference, counted(rng.standard_t(3, (2_000, names)) + 1))
        assert (moved > max(chance, 0.2)).all()
