"""One bad row does not take its batch along: each kind of fault, beside rows that are fine."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.bars import BarBatch
from schemas.codec import decode, encode
from schemas.row_faults import bar_row_faults
from tests.support.example_messages import CLOSE

FINE = {"symbol": "A", "open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5, "volume": 5.0}
NAN, INF = math.nan, math.inf


def batch_of(*rows: dict[str, Any]) -> BarBatch:
    def column(name: str) -> Any:
        return np.array([0.0 if row[name] is None else row[name] for row in rows])

    return BarBatch(
        feed="f",
        source="s",
        interval="1m",
        event_time=CLOSE,
        available_time=CLOSE,
        symbols=tuple(row["symbol"] for row in rows),
        open=column("open"),
        high=column("high"),
        low=column("low"),
        close=column("close"),
        volume=column("volume"),
        volume_valid=np.array([row["volume"] is not None for row in rows]),
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"close": NAN}, "not_finite"),
        ({"open": NAN}, "not_finite"),
        ({"high": INF}, "not_finite"),
        ({"low": -INF}, "not_finite"),
        ({"open": INF, "high": INF}, "not_finite"),
        ({"high": 8.0}, "high_below_low"),
        ({"high": math.nextafter(9.0, 0)}, "high_below_low"),
        ({"close": 11.5}, "close_outside_range"),
        ({"close": 8.5}, "close_outside_range"),
        ({"open": 11.5}, "open_outside_range"),
        ({"open": 8.5}, "open_outside_range"),
        ({"close": 0.0}, "non_positive_price"),
        ({"low": 0.0}, "non_positive_price"),
        ({"open": -1.0, "high": -1.0, "low": -1.0, "close": -1.0}, "non_positive_price"),
        ({"volume": -1.0}, "negative_volume"),
        ({"volume": NAN}, "not_finite"),
        ({"volume": INF}, "not_finite"),
        ({"symbol": ""}, "empty_symbol"),
        ({"symbol": "x" * 129}, "bad_symbol"),
        ({"symbol": "a\0b"}, "bad_symbol"),
        ({"symbol": "A"}, "duplicate_symbol"),
    ],
)
def test_a_faulty_row_between_two_fine_ones(change: dict[str, Any], code: str) -> None:
    rows = FINE, FINE | {"symbol": "B"} | change, FINE | {"symbol": "C"}
    good, faults = bar_row_faults(batch_of(*rows))
    assert good.tolist() == [True, False, True]
    assert [(fault.row, fault.symbol, fault.code) for fault in faults] == [(1, rows[1]["symbol"], code)]
    assert faults[0].detail


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"volume": None},
        {"volume": 0.0},
        {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0},
        {"open": 9.0, "close": 11.0},
        {"open": 1e-300, "high": 1e300, "low": 1e-300, "close": 1e300},
        {"symbol": "x" * 128},
    ],
)
def test_unusual_rows_that_are_fine(change: dict[str, Any]) -> None:
    good, faults = bar_row_faults(batch_of(FINE | change))
    assert good.all()
    assert not faults


def test_a_missing_volume_means_nothing_whatever_its_place_holds() -> None:
    batch = batch_of(FINE | {"volume": None})
    good, faults = bar_row_faults(dataclasses.replace(batch, volume=np.array([NAN])))
    assert good.all()
    assert not faults


price = st.sampled_from([NAN, INF, -INF, -1.0, 0.0, 1.0, 2.0, 3.0])


@given(st.lists(st.tuples(price, price, price, price, price, st.booleans()), min_size=1, max_size=8))
def test_the_mask_is_what_a_plain_loop_says(rows: list[tuple[float, float, float, float, float, bool]]) -> None:
    def fine(row: tuple[float, float, float, float, float, bool]) -> bool:
        opening, high, low, close, volume, known = row
        prices = all(math.isfinite(x) and x > 0 for x in (opening, high, low, close))
        ranges = low <= high and low <= opening <= high and low <= close <= high
        return prices and ranges and (not known or (math.isfinite(volume) and volume >= 0))

    names = ("open", "high", "low", "close", "volume")
    batch = batch_of(*({"symbol": f"S{n}"} | dict(zip(names, row[:5], strict=True)) for n, row in enumerate(rows)))
    batch = dataclasses.replace(batch, volume_valid=np.array([row[5] for row in rows]))
    good, faults = bar_row_faults(batch)
    assert good.tolist() == [fine(row) for row in rows]
    assert [fault.row for fault in faults] == np.flatnonzero(~good).tolist()


def test_faulty_rows_survive_the_wire_so_that_they_can_be_named() -> None:
    batch = batch_of(FINE, FINE | {"symbol": "", "high": 8.0})
    assert bar_row_faults(decode(encode(batch)))[0].tolist() == [True, False]  # type: ignore[arg-type]
