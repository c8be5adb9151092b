"""PSI of categories against the formula over numpy arrays; no value is lost."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.drift.categorical_stability import (
    CategoryReference,
    categorical_stability_index,
    category_reference_of,
    count_categories,
)
from pipeline.drift.results import Insufficient

VALUES = st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=20, max_size=80)


@given(VALUES, VALUES)
def test_equals_the_formula(reference: list[str | None], current: list[str | None]) -> None:
    sketch = category_reference_of(reference)
    counts = count_categories(sketch.categories, current)
    assert counts.sum() == len(current)
    found = categorical_stability_index(sketch, counts)
    unseen = [value for value in current if value is not None and value not in reference]
    buckets = [*sorted({value for value in reference if value is not None}), None]
    e = np.clip([*(reference.count(name) / len(reference) for name in buckets), 0], 1e-4, None)
    a = np.clip([*(current.count(name) / len(current) for name in buckets), len(unseen) / len(current)], 1e-4, None)
    assert found == pytest.approx(float(np.sum((a - e) * np.log(a / e))), abs=1e-12)


@given(VALUES)
def test_a_sample_against_itself_is_zero_and_counts_of_parts_add_up(values: list[str | None]) -> None:
    sketch = category_reference_of(values)
    whole = count_categories(sketch.categories, values)
    parts = count_categories(sketch.categories, values[:7]) + count_categories(sketch.categories, values[7:])
    assert (whole == parts).all()
    assert categorical_stability_index(sketch, whole) == 0.0


def test_decile_numbers_of_another_library() -> None:
    """The reference file's PSI of deciles, with the bins taken as categories."""
    names = tuple("abcdefghij")
    counts = np.array([80, 56, 79, 83, 107, 67, 107, 107, 129, 185, 0, 0])
    reference = CategoryReference(categories=names, counts=(100,) * 10)
    assert categorical_stability_index(reference, counts) == pytest.approx(0.11240465162177044, rel=1e-13)


def test_unseen_and_missing_values_weigh() -> None:
    reference = category_reference_of(["a"] * 50 + ["b"] * 50)
    term = (0.2 - 1e-4) * math.log(0.2 / 1e-4)
    halves = 2 * (0.4 - 0.5) * math.log(0.4 / 0.5)
    for odd in ("new", None):
        counts = count_categories(reference.categories, ["a"] * 40 + ["b"] * 40 + [odd] * 20)
        assert categorical_stability_index(reference, counts) == pytest.approx(halves + term, rel=1e-13)
    gone = category_reference_of(["a"] * 50 + [None] * 50)
    found = categorical_stability_index(gone, count_categories(gone.categories, ["a"] * 100))
    assert found == pytest.approx(0.5 * math.log(2) + (1e-4 - 0.5) * math.log(1e-4 / 0.5), rel=1e-13)


def test_one_category_is_stable_only_while_nothing_else_comes() -> None:
    reference = category_reference_of(["only"] * 30)
    assert categorical_stability_index(reference, np.array([40, 0, 0])) == 0.0
    found = categorical_stability_index(reference, np.array([0, 0, 40]))
    assert isinstance(found, float)
    assert found > 10


@pytest.mark.parametrize(
    ("reference", "counts", "expected"),
    [
        ((10, 9), (50, 50, 0, 0), Insufficient(n=19, minimum=20, reason="the reference is too small")),
        ((50, 50), (10, 9, 0, 0), Insufficient(n=19, minimum=20, reason="too few observations")),
        ((50, 50), (0, 0, 0, 0), Insufficient(n=0, minimum=20, reason="too few observations")),
    ],
)
def test_too_little(reference: tuple[int, ...], counts: tuple[int, ...], expected: Insufficient) -> None:
    sketch = CategoryReference(categories=("a", "b"), counts=reference)
    assert categorical_stability_index(sketch, np.array(counts)) == expected


def test_reference_with_fewer_values_than_categories() -> None:
    sketch = CategoryReference(categories=tuple(f"c{i:02}" for i in range(30)), counts=(1,) * 25 + (0,) * 5)
    found = categorical_stability_index(sketch, np.full(32, 9))
    assert found == Insufficient(n=25, minimum=30, reason="the reference is too small")


@pytest.mark.parametrize(
    ("categories", "counts", "missing", "message"),
    [
        (("b", "a"), (1, 1), 0, "not distinct and in ascending order"),
        (("a", "a"), (1, 1), 0, "not distinct and in ascending order"),
        (("a",), (1, 1), 0, "1 categories need as many counts, not 2"),
        (("a",), (-1,), 5, "describe no sample"),
        ((), (), 0, "describe no sample"),
        (tuple(f"{i:05}" for i in range(1001)), (1,) * 1001, 0, "1001 distinct values are no categories"),
    ],
)
def test_reference_that_cannot_be_one(
    categories: tuple[str, ...], counts: tuple[int, ...], missing: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CategoryReference(categories=categories, counts=counts, missing=missing)


def test_what_is_no_category_or_of_other_categories() -> None:
    with pytest.raises(ValueError, match="nan is not a category"):
        category_reference_of(["a", math.nan])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="describe no sample"):
        category_reference_of([])
    reference = category_reference_of(["a"] * 30)
    with pytest.raises(ValueError, match="2 counts against 1 categories"):
        categorical_stability_index(reference, np.array([30, 0]))
    with pytest.raises(ValueError, match="are negative"):
        categorical_stability_index(reference, np.array([30, -1, 0]))
