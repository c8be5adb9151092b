"""What the SDK refuses before anything is sent, and under which code."""

import numpy as np
import pytest

from schemas.names import MAX_NAME
from schemas.row_faults import bar_row_faults
from signaltape.client import BarRejectedError
from signaltape.client.bar_checks import Row, checked_row

MINUTE = 60_000_000_000
CLOSE = 1_700_000_040_000_000_000
NAN, INF = float("nan"), float("inf")
GOOD = {"symbol": "ACME", "interval": "1m", "event_time": CLOSE, "prices": (10.0, 11.0, 9.0, 10.5), "volume": 3.0}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": ""}, "empty_symbol"),
        ({"symbol": "x" * (MAX_NAME + 1)}, "wrong_type"),
        ({"symbol": "A\0B"}, "wrong_type"),
        ({"symbol": 7}, "wrong_type"),
        ({"interval": "7m"}, "unknown_interval"),
        ({"event_time": CLOSE + 1}, "off_grid"),
        ({"event_time": 0}, "off_grid"),
        ({"event_time": -MINUTE}, "off_grid"),
        ({"event_time": 2**63 // MINUTE * MINUTE + MINUTE}, "off_grid"),
        ({"event_time": float(CLOSE)}, "wrong_type"),
        ({"prices": (10.0, 11.0, 9.0, "ten")}, "wrong_type"),
        ({"prices": (10.0, 11.0, 9.0, None)}, "wrong_type"),
        ({"prices": (NAN, 11.0, 9.0, 10.0)}, "not_finite"),
        ({"prices": (10.0, INF, 9.0, 10.0)}, "not_finite"),
        ({"prices": (10.0, INF, -INF, 10.0)}, "not_finite"),
        ({"prices": (10.0, 11.0, 0.0, 10.0)}, "non_positive_price"),
        ({"prices": (10.0, 11.0, -1.0, 10.0)}, "non_positive_price"),
        ({"prices": (10.0, 9.0, 11.0, 10.0)}, "high_below_low"),
        ({"prices": (8.0, 11.0, 9.0, 10.0)}, "open_outside_range"),
        ({"prices": (10.0, 11.0, 9.0, 12.0)}, "close_outside_range"),
        ({"volume": -1.0}, "negative_volume"),
        ({"volume": NAN}, "not_finite"),
        ({"volume": INF}, "not_finite"),
    ],
)
def test_a_bar_that_can_not_be_one_is_refused_by_name(changes: dict[str, object], code: str) -> None:
    with pytest.raises(BarRejectedError) as refused:
        checked_row(**GOOD | changes)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert code in str(refused.value)


def test_numbers_of_other_kinds_become_plain_ones_and_volume_may_be_missing() -> None:
    row = checked_row("ACME", "1m", np.int64(CLOSE), (np.float32(10), 11, 9, 10), None)  # type: ignore[arg-type]
    assert row == Row("ACME", (10.0, 11.0, 9.0, 10.0), None)
    assert {type(price) for price in row.prices} == {float}


def test_prices_near_the_largest_float_are_no_infinity() -> None:
    big = 1.7e308
    assert checked_row("ACME", "1m", CLOSE, (big, big, big, big), None).prices == (big,) * 4


def test_what_the_sdk_lets_through_the_feature_agent_takes() -> None:
    """The two sets of rules agree: no bar passes here and is dead-lettered there."""
    from dataclasses import replace

    from tests.support.example_messages import BARS

    for prices in ((10.0, 11.0, 9.0, 10.5), (5e-324, 5e-324, 5e-324, 5e-324), (1.7e308,) * 4):
        checked_row("ACME", "1m", CLOSE, prices, 0.0)
        columns = {
            name: np.array([price]) for name, price in zip(("open", "high", "low", "close"), prices, strict=True)
        }
        batch = replace(BARS, symbols=("ACME",), volume=np.array([0.0]), volume_valid=np.array([True]), **columns)
        good, faults = bar_row_faults(batch)
        assert good.all()
        assert not faults
