"""Direction metrics, and degradation against any baseline."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.drift.config import DriftConfig
from pipeline.drift.direction import DirectionRates, degradation, direction_rates, is_degraded
from pipeline.drift.ledger import CrossSection, Matured
from pipeline.drift.metric import Place
from pipeline.drift.profit_report import direction_metrics
from pipeline.drift.results import Insufficient

NUMBERS = st.integers(-3, 3).map(float)
SIZES = st.floats(-5, 5)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=60))
def test_rates_equal_a_count_by_hand(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    found = direction_rates(x, y, minimum=1)
    decided = [(a, b) for a, b in pairs if a * b != 0]
    if not decided or len(set(x)) == 1:
        assert isinstance(found, Insufficient)
        return
    assert isinstance(found, DirectionRates)
    assert (found.n, found.decided) == (len(pairs), len(decided))
    assert found.accuracy == sum(a * b > 0 for a, b in decided) / len(decided)
    assert found.predicted_positive == (x > 0).mean()
    assert found.realised_positive == (y > 0).mean()


def test_tiny_products_keep_their_sign() -> None:
    x = np.array([1e-200, -1e-200, 2e-200, 1.0])
    assert direction_rates(x, x, minimum=4) == DirectionRates(
        n=4, decided=4, accuracy=1.0, predicted_positive=0.75, realised_positive=0.75
    )


@pytest.mark.parametrize(
    ("predicted", "realised", "expected"),
    [
        ([], [], Insufficient(n=0, minimum=20, reason="too few pairs with a direction")),
        ([0.0] * 30, [1.0] * 30, Insufficient(n=0, minimum=20, reason="too few pairs with a direction")),
        ([1.0] * 30, [0.0] * 11 + [1.0] * 19, Insufficient(n=19, minimum=20, reason="too few pairs with a direction")),
        ([1.0] * 30, [1.0] * 30, Insufficient(n=30, minimum=20, reason="all predictions are equal")),
    ],
)
def test_too_little(predicted: list[float], realised: list[float], expected: Insufficient) -> None:
    assert direction_rates(np.array(predicted), np.array(realised)) == expected


def test_rates_refuse_what_compares_as_false() -> None:
    with pytest.raises(ValueError, match="not finite"):
        direction_rates(np.array([np.nan, 1.0]), np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="2 predictions against 1 returns"):
        direction_rates(np.array([2.0, 1.0]), np.array([1.0]))


@pytest.mark.parametrize(
    ("value", "baseline", "expected"),
    [
        (0.5, 0.5, False),
        (0.95, 1.0, False),  # exactly 5 % is not more than 5 %
        (0.94, 1.0, True),
        (0.0, 0.0, False),
        (-0.01, 0.0, True),  # at a baseline of 0, in units of the floor
        (0.01, 0.0, False),
        (-0.10, -0.10, False),
        (-0.11, -0.10, True),  # the plain ratio calls this an improvement
        (-0.05, -0.10, False),
        (math.nextafter(0, -1), 0.0, False),  # the last bit of a zero is no degradation
    ],
)
def test_degraded_for_any_baseline(value: float, baseline: float, *, expected: bool) -> None:
    assert is_degraded(value, baseline) is expected
    assert is_degraded(-value, -baseline, lower_is_better=True) is expected


@given(SIZES, SIZES, SIZES)
def test_worse_is_positive_and_monotone(value: float, other: float, baseline: float) -> None:
    found = degradation(value, baseline)
    assert math.isfinite(found)
    assert (found > 0) == (value < baseline)
    if value <= other:
        assert found >= degradation(other, baseline)


def test_degradation_refuses_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="one is not finite"):
        degradation(math.nan, 0.5)
    with pytest.raises(ValueError, match="floor 0 is not above 0"):
        degradation(0.4, 0.5, floor=0)


@pytest.mark.parametrize(("right", "band"), [(19, "ok"), (18, "degraded")])
def test_five_percent_of_the_baseline_lost_is_not_more_than_five(right: int, band: str) -> None:
    """19 of 40 against .5 are 5 % less, and 5.000000000000004 % in floating point."""
    predicted = np.where(np.arange(40) < right, 1.0, -1.0) * np.where(np.arange(40) % 2, 1.0, -1.0)
    realised = np.where(np.arange(40) % 2, 1.0, -1.0)
    section = CrossSection(
        prediction_time=1, symbols=tuple(f"S{at:02d}" for at in range(40)), scores=predicted, log_returns=realised
    )
    place = Place(strategy="alpha", subject="score/ridge:1/1d/1/live", session=1)
    found = direction_metrics(place, Matured(cross_sections=(section,), expired=0), 0.5, DriftConfig(partitions=1))
    assert [one.verdict for one in found if one.metric == "hit_rate_degradation"] == [band]
