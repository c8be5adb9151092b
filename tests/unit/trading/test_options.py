"""Terms out of range are refused by name."""

import math
from typing import Any

import pytest

from pipeline.trading.options import TradingOptions

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"capital": 0.0}, "capital 0.0 must be finite and above 0"),
        ({"capital": math.inf}, "capital inf must be finite and above 0"),
        ({"commission_bps": -1.0}, "commission_bps -1.0 must be finite and 0 or more"),
        ({"slippage_bps": math.nan}, "slippage_bps nan must be finite and 0 or more"),
        ({"slippage_bps": 10_000.0}, "slippage_bps 10000.0 leaves no price to sell at"),
        ({"weight": 0.0}, "weight 0.0 must be finite and above 0"),
        ({"weight": 0.5, "max_weight": 0.4}, "weight 0.5 is above max_weight 0.4"),
        ({"max_gross": -0.1}, "max_gross -0.1 must be finite and above 0"),
        ({"max_positions": -1}, "max_positions -1 must be finite and 0 or more"),
        ({"lot": -1.0}, "lot -1.0 must be finite and 0 or more"),
        ({"fill": "open"}, "fill 'open' is unknown: give one of next_open, next_close"),
        ({"sides": "buy"}, "sides 'buy' is unknown: give one of both, long, short"),
        ({"expiry": "never"}, "expiry 'never' is unknown: give one of hold, expire"),
    ],
)
def test_refused(terms: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        TradingOptions(**terms)


def test_the_edges_are_allowed() -> None:
    TradingOptions(commission_bps=0.0, slippage_bps=0.0, weight=1.0, max_weight=1.0, max_positions=0, lot=0.0)
