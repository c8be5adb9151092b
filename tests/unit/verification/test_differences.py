"""Rows held against each other: every value, with its bits, at its symbol."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.digests.tally import DigestKey
from pipeline.explanation.comparison import FEATURES
from pipeline.verification.differences import compare_sheets
from pipeline.verification.ledger import BARS
from pipeline.verification.sheets import Sheet, correction_sheet, empty, feature_sheet, joined, offset_sheet
from tests.support.rounds import START, feature_batch

KEY = DigestKey("features", "core:1", "1m", START)


def sheet(*values: float, symbols: str = "ABC") -> Sheet:
    return Sheet(
        symbols=tuple(symbols),
        keys=tuple(symbols),
        columns=("x",),
        numbers=np.array(values).reshape(-1, 1),
        fact_names=("status",),
        facts=(("ok",),) * len(values),
        offsets=(7,) * len(values),
    )


def test_one_ulp_at_one_symbol() -> None:
    (only,) = compare_sheets(KEY, sheet(1.0, np.nextafter(2.0, 3.0), 3.0), sheet(1.0, 2.0, 3.0), blame="why")
    assert (only.symbol, only.name, only.stage, only.blame, only.offset) == ("B", "x", "feature", "why", 7)
    assert "recorded 2.0000000000000004 (4000000000000001), computed 2.0 (4000000000000000)" in str(only)
    assert not compare_sheets(KEY, sheet(1.0, np.nextafter(2.0, 3.0), 3.0), sheet(1.0, 2.0, 3.0), FEATURES)


@pytest.mark.parametrize(
    ("recorded", "computed", "shown"),
    [
        (-0.0, 0.0, "recorded -0.0 (8000000000000000), computed 0.0 (0000000000000000)"),
        (np.nan, 0.0, "recorded undefined, computed 0.0 (0000000000000000)"),
        (0.0, np.nan, "recorded 0.0 (0000000000000000), computed undefined"),
    ],
)
def test_signed_zero_and_undefined(recorded: float, computed: float, shown: str) -> None:
    (only,) = compare_sheets(KEY, sheet(recorded, symbols="A"), sheet(computed, symbols="A"))
    assert shown in str(only)


@pytest.mark.parametrize("undefined", [np.nan, -np.nan])
def test_undefined_is_undefined(undefined: float) -> None:
    assert not compare_sheets(KEY, sheet(undefined, symbols="A"), sheet(np.nan, symbols="A"))


def test_an_undefined_value_is_no_number_within_tolerances() -> None:
    assert compare_sheets(KEY, sheet(np.nan, symbols="A"), sheet(0.0, symbols="A"), FEATURES)


def test_rows_on_one_side_only() -> None:
    found = compare_sheets(KEY, sheet(1.0, 2.0, symbols="AB"), sheet(2.0, 3.0, symbols="BC"))
    assert [(one.symbol, one.name, one.recorded, one.computed) for one in found] == [
        ("A", "(the vector)", "stored", "none"),
        ("C", "(the vector)", "none", "one"),
    ]
    assert all(one.whole for one in found)
    signals = KEY._replace(stage="signals", subject="")
    (gone,) = compare_sheets(signals, empty(("x",), ("status",)), sheet(1.0, symbols="A"))
    assert (gone.stage, gone.name, gone.recorded) == ("signal", "(the signal)", "none")


def test_a_row_that_is_there_twice() -> None:
    twice = joined([sheet(1.0, symbols="A"), sheet(1.0, symbols="A")])
    (only,) = compare_sheets(KEY, twice, sheet(1.0, symbols="A"))
    assert (only.recorded, only.computed) == ("stored", "none")


def test_columns_of_other_stages() -> None:
    columns = {"sha256": "model", "status": "score", "direction": "decision", "outcome": "router"}
    names = tuple(columns)
    one = replace(sheet(1.0, symbols="A"), fact_names=names, facts=(("a",) * 4,))
    other = replace(one, facts=(("b",) * 4,))
    found = compare_sheets(KEY._replace(stage="predictions"), one, other)
    assert {difference.name: difference.stage for difference in found} == columns
    assert [difference.stage for difference in found] == ["model", "score", "decision", "router"]


@given(st.permutations(range(6)), st.integers(0, 5))
def test_parts_and_order_of_rows_do_not_matter(order: list[int], cut: int) -> None:
    batch = feature_batch(START, 7, tuple("ABCDEF"), width=3, values=np.arange(18.0).reshape(6, 3),
                          valid=np.ones((6, 3), dtype=bool), close=np.arange(6.0),
                          available_time=np.arange(6) * 1_001)  # fmt: skip
    whole = feature_sheet(batch, ("x", "y", "z"))
    rows = [
        feature_sheet(
            replace(
                batch,
                symbols=tuple(batch.symbols[row] for row in some),
                **{name: getattr(batch, name)[some] for name in ("values", "valid", "close", "available_time")},
            ),
            ("x", "y", "z"),
        )
        for some in (order[:cut], order[cut:])
        if some
    ]
    assert not compare_sheets(KEY, whole, joined(rows))


def test_where_a_row_came_from() -> None:
    batch = feature_batch(START, 7, ("A", "B"), width=1)
    assert offset_sheet(batch).facts == ((7,), (7,))
    key = KEY._replace(stage=BARS)
    (only,) = compare_sheets(key, replace(offset_sheet(batch), facts=((7,), (9,))), offset_sheet(batch))
    assert (only.stage, only.symbol, only.name, only.recorded, only.computed) == ("bar", "B", "source_offset", 9, 7)
    assert correction_sheet(batch, ("x",)).keys == ("A\n7", "B\n7")
