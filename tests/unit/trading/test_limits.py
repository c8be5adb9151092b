"""Which orders a limit leaves, by hand."""

import numpy as np
import pytest

from pipeline.trading.limits import Due, limited, whole_lots
from pipeline.trading.options import TradingOptions

pytestmark = pytest.mark.unit


def left(
    held: list[float], target: list[float], *, priority: list[float] | None = None, gross: float = 0.0, others: int = 0,
    **terms: float,
) -> list[float]:  # fmt: skip
    """Targets that are left at a price of 10 and an equity of 1,000."""
    due = Due(
        held=np.array(held), target=np.array(target), price=np.full(len(held), 10.0),
        priority=np.array(priority or [0.0] * len(held)), equity=1_000.0, other_gross=gross, other_held=others,
    )  # fmt: skip
    options = TradingOptions(**{"weight": 0.01, "max_weight": 9.0, "max_gross": 9.0} | terms)  # type: ignore[arg-type]
    return limited(due, options).tolist()


def test_weight_of_one_symbol() -> None:
    assert left([0, 0, 0], [60, -60, 30], max_weight=0.5) == [50, -50, 30]


def test_gross_cuts_what_is_added_by_one_factor() -> None:
    assert left([0, 0], [60, -90], max_gross=1.0) == [40, -60]
    assert left([20, 0], [60, -80], max_gross=1.0) == pytest.approx([20 + 40 * 2 / 3, -80 * 2 / 3])


def test_gross_counts_positions_without_orders() -> None:
    assert left([0], [60], gross=700.0, max_gross=1.0) == [30]
    assert left([0], [60], gross=1_200.0, max_gross=1.0) == [0]


def test_gross_never_forces_a_sale_nor_stops_one() -> None:
    assert left([90, 60], [90, 20], max_gross=0.5) == [90, 20]
    assert left([90, 30], [100, 0], max_gross=1.0) == [100, 0]  # the sale makes room at the same prices


def test_a_turn_counts_as_new() -> None:
    assert left([-40], [80], max_gross=0.5) == [50]
    assert str(left([40], [-80], gross=2_000.0, max_gross=1.0)) == "[0.0]"  # not -0.0, which would be shown


def test_places_go_to_the_highest_priority_then_by_symbol() -> None:
    assert left([0, 0, 0, 0], [1, 2, 3, 4], priority=[0.1, 0.3, 0.1, 0.0], max_positions=2) == [1, 2, 0, 0]


def test_places_of_what_closes_are_free_and_turns_keep_theirs() -> None:
    assert left([5, 0, -5], [0, 1, 5], max_positions=2) == [0, 1, 5]
    assert left([5, 0], [4, 1], others=1, max_positions=2) == [4, 0]


@pytest.mark.parametrize(
    ("units", "lot", "expected"),
    [
        ([2.99, -2.99, 0.0], 1.0, [2, -2, 0]),
        ([0.1 + 0.2, 0.7], 0.1, [0.3, 0.7]),  # 0.30000000000000004 / 0.1 and 0.7 / 0.1 are no whole numbers
        ([99.0], 100.0, [0]),
        ([1.23], 0.0, [1.23]),
    ],
)
def test_whole_lots(units: list[float], lot: float, expected: list[float]) -> None:
    assert whole_lots(np.array(units), lot).tolist() == pytest.approx(expected, rel=1e-15)
