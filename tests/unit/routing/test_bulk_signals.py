"""The bulk forms for bursts give exactly what the single forms give."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.errors import EncodeError
from schemas.ids import signal_id, signal_ids
from schemas.signal_bytes import encode_signals
from schemas.signals import Signal
from tests.support.feature_chain import Bench


@given(symbols=st.lists(st.text(min_size=1, max_size=12), max_size=5), event_time=st.integers(1, 2**62))
def test_ids(symbols: list[str], event_time: int) -> None:
    single = [signal_id("r", symbol, "1m", event_time) for symbol in symbols]
    assert signal_ids("r", symbols, "1m", event_time) == single


def signals() -> list[Signal]:
    bench = Bench()
    bench.activate()
    found = bench.bar(0, {"A": (0.9, 0.8), "Ω": (-0.9, 0.1)}).signals
    return [signal for signal in found if isinstance(signal, Signal)]


def test_bytes() -> None:
    assert len(signals()) == 2
    assert encode_signals(signals()) == [encode(signal) for signal in signals()]


@pytest.mark.parametrize("field", ["score", "confidence", "reference_price", "position_scale"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(field: str, value: float) -> None:
    bad = replace(signals()[0], **{field: value})
    with pytest.raises(EncodeError, match="A"):
        encode_signals([bad])
