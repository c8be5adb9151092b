"""Population stability index of a column of categories."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.drift.results import Insufficient
from schemas.fields import I8Array

#: Share that an empty bucket counts as, so that its logarithm exists.
FLOOR = 1e-4
#: A column with more distinct values is an identifier, not a category.
MOST_CATEGORIES = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryReference:
    """Counts of a reference sample: ``counts`` by category, in the order of ``categories``, and ``missing`` values.

    Raises ValueError for categories that are not in ascending order, or counts that do not fit or hold no sample.
    """

    categories: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int = 0

    def __post_init__(self) -> None:
        if any(a >= b for a, b in zip(self.categories, self.categories[1:], strict=False)):
            raise ValueError(f"categories {self.categories[:5]}… are not distinct and in ascending order")
        if len(self.categories) > MOST_CATEGORIES:
            raise ValueError(f"{len(self.categories)} distinct values are no categories: at most {MOST_CATEGORIES}")
        if len(self.counts) != len(self.categories):
            raise ValueError(f"{len(self.categories)} categories need as many counts, not {len(self.counts)}")
        if min((*self.counts, self.missing)) < 0 or self.size == 0:
            raise ValueError(f"counts {self.counts[:5]}… and {self.missing} missing describe no sample")

    @property
    def size(self) -> int:
        """Values in the reference sample, missing ones included."""
        return sum(self.counts) + self.missing


def category_reference_of(values: Sequence[str | None]) -> CategoryReference:
    """Count a reference sample; None is a missing value.

    >>> category_reference_of(["b", "a", "b", None])
    CategoryReference(categories=('a', 'b'), counts=(1, 2), missing=1)
    """
    found = _counted(values)
    missing = found.pop(None, 0)
    categories = tuple(sorted(str(name) for name in found))
    return CategoryReference(categories=categories, counts=tuple(found[name] for name in categories), missing=missing)


def count_categories(categories: Sequence[str], values: Sequence[str | None]) -> I8Array:
    """Count values into len(categories) + 2 buckets; the last two are missing (None) and unseen: none is lost.

    Counts of parts of a sample add up. Raises ValueError for a value that is neither a string nor None (so NaN).

    >>> count_categories(("a", "b"), ["b", "new", None, "b", "newer"]).tolist()
    [0, 2, 1, 2]
    """
    found = _counted(values)
    known = [found.pop(name, 0) for name in categories]
    missing = found.pop(None, 0)
    return np.array([*known, missing, sum(found.values())], np.int64)


def categorical_stability_index(
    reference: CategoryReference, counts: I8Array, *, minimum: int = 20
) -> float | Insufficient:
    """Return PSI = Σ (a - e) ln(a / e) over the categories, the missing and the unseen values.

    ``counts`` come from ``count_categories`` for the same categories. Shares below 1e-4 count as 1e-4, so a bucket
    that is empty on both sides adds nothing. Formula: Siddiqi, *Credit Risk Scorecards* (2006). For two samples of one
    distribution the expectation is about (categories - 1)(1/n + 1/m): read it with its sample sizes.

    ``Insufficient`` where either side has fewer than ``minimum`` values, or the reference fewer than categories.
    Raises ValueError for counts of other categories.

    >>> reference = CategoryReference(categories=("a", "b"), counts=(50, 50))
    >>> round(categorical_stability_index(reference, np.array([30, 10, 0, 0])), 12)
    0.274653072167
    >>> round(categorical_stability_index(reference, np.array([50, 40, 0, 10])), 6)
    0.712399
    """
    if len(counts) != len(reference.categories) + 2:
        known = len(reference.categories)
        raise ValueError(f"{len(counts)} counts against {known} categories: missing and unseen come on top")
    if (counts < 0).any():
        raise ValueError(f"counts {counts.tolist()[:5]}… are negative")
    n, size, least = int(counts.sum()), reference.size, max(minimum, 1)
    if size < max(least, len(reference.categories)):
        needed = max(least, len(reference.categories))
        return Insufficient(n=size, minimum=needed, reason="the reference is too small")
    if n < least:
        return Insufficient(n=n, minimum=least, reason="too few observations")
    expected = [max(count / size, FLOOR) for count in (*reference.counts, reference.missing, 0)]
    actual = [max(int(count) / n, FLOOR) for count in counts]
    return math.fsum((a - e) * math.log(a / e) for a, e in zip(actual, expected, strict=True))


def _counted(values: Sequence[str | None]) -> Counter[str | None]:
    """Values by how often they occur."""
    found = Counter(values)
    for value in found:
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{value!r} is not a category: give strings, and None for a missing value")
    return found
