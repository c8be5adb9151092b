"""The bulk forms for bursts give exactly what the single forms give."""

from dataclasses import fields, replace

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.errors import EncodeError
from schemas.ids import SignalIds, signal_id
from schemas.signal_bytes import decode_signal, encode_signals
from schemas.signal_columns import SignalColumns, SignalTerms
from schemas.signals import SIGNALS, Signal
from tests.support.feature_chain import Bench
from tests.support.message_strategies import FINITE, INT64, NAMES

TERMS = st.builds(
    SignalTerms,
    horizon=INT64,
    model=NAMES,
    model_version=INT64,
    models=st.lists(NAMES, max_size=20).map(tuple),
    expires_at=INT64,
    reason=NAMES,
)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@st.composite
def columns(draw: st.DrawFn) -> SignalColumns:
    rows = draw(st.integers(1, 6))
    terms = draw(st.lists(TERMS, min_size=1, max_size=3))

    def numbers() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array(draw(st.lists(FINITE, min_size=rows, max_size=rows)))

    def codes(below: int, dtype: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array(draw(st.lists(st.integers(0, below - 1), min_size=rows, max_size=rows)), dtype=dtype)

    return SignalColumns(
        first_seq=draw(st.integers(0, 2**62)),
        timestamp=draw(FINITE),
        event_time=draw(INT64),
        interval=draw(NAMES),
        strategy=draw(NAMES),
        source=draw(st.tuples(INT64, INT64)),
        terms=terms,
        term=codes(len(terms), "i8"),
        signal_id=draw(st.lists(TEXTS, min_size=rows, max_size=rows)),
        symbol=draw(st.lists(TEXTS, min_size=rows, max_size=rows)),
        direction=codes(len(SIGNALS), "u1"),  # type: ignore[arg-type]
        score=numbers(),
        confidence=numbers(),
        reference_price=numbers(),
        position_scale=numbers(),
    )


@given(symbols=st.lists(st.text(min_size=1, max_size=12), max_size=5), event_time=st.integers(1, 2**62))
def test_ids(symbols: list[str], event_time: int) -> None:
    single = [signal_id("r", symbol, "1m", event_time) for symbol in symbols]
    assert SignalIds("r", symbols, "1m", event_time) == single


@given(bar=columns())
@settings(max_examples=200, deadline=None)
def test_bytes_are_those_of_the_codec(bar: SignalColumns) -> None:
    assert encode_signals(bar) == [encode(signal) for signal in bar]


@given(bar=columns())
@settings(max_examples=100, deadline=None)
def test_a_bare_reader_finds_the_columns(bar: SignalColumns) -> None:
    for row, data in enumerate(encode_signals(bar)):
        body = msgpack.unpackb(data)
        terms = bar.terms[bar.term[row]]
        assert list(body) == ["v", "type", *(field.name for field in fields(Signal))]
        assert (body["v"], body["type"], body["seq"]) == (1, "Signal", bar.first_seq + row)
        assert (body["symbol"], body["signal_id"]) == (bar.symbol[row], bar.signal_id[row])
        assert body["signal"] == ("flat", "long", "short")[bar.direction[row]]
        for name in ("score", "confidence", "reference_price", "position_scale"):
            assert np.float64(body[name]).tobytes() == getattr(bar, name)[row].tobytes()
        for name in ("horizon", "model", "model_version", "expires_at", "reason"):
            assert body[name] == getattr(terms, name)
        assert (tuple(body["models"]), tuple(body["source"])) == (terms.models, bar.source)


@given(bar=columns(), data=st.data())
@settings(max_examples=50, deadline=None)
def test_columns_read_as_a_sequence(bar: SignalColumns, data: st.DataObject) -> None:
    signals = tuple(bar)
    assert len(bar) == len(signals)
    row = data.draw(st.integers(-len(signals), len(signals) - 1))
    assert bar[row] == signals[row]
    assert bar[row:] == signals[row:]
    assert bar == signals
    assert bar != signals[1:]
    with pytest.raises(IndexError):
        bar[len(signals)]


def made() -> SignalColumns:
    bench = Bench()
    bench.activate()
    (output,) = [bench.inference.take(part, 9) for part in bench.writer.bar(0, {"A": (0.9, 0.8), "Ω": (-0.9, 0.1)})]
    assert output is not None
    assert isinstance(output.signals, SignalColumns)
    return output.signals


def test_what_the_router_sends_is_read_back() -> None:
    sent = made()
    assert [(signal.symbol, signal.signal, signal.score) for signal in sent] == [
        ("A", "long", 0.9),
        ("Ω", "short", -0.9),
    ]
    for signal, data in zip(sent, encode_signals(sent), strict=True):
        assert decode(data) == decode_signal(data) == signal


@pytest.mark.parametrize("field", ["score", "confidence", "reference_price", "position_scale"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(field: str, value: float) -> None:
    bad = replace(made(), **{field: np.array([0.1, value])})  # type: ignore[arg-type]
    with pytest.raises(EncodeError, match="of Ω"):
        encode_signals(bad)
