"""Messages cut into parts: every row once, in order, the same cuts in every run."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.bars import BarBatch, Watermark
from signaltape.verification.recomputing import Cuts
from tests.support.rounds import START, bar_batch


def message(size: int) -> BarBatch:
    return bar_batch(START, tuple(f"S{row}" for row in range(size)))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.one_of(st.none(), st.integers(1, 50)))
def test_every_row_once_and_in_order(sizes: list[int], rows: int | None) -> None:
    one, two = Cuts(rows=rows), Cuts(rows=rows)
    for size in sizes:
        whole = message(size)
        parts = list(one.parts(whole))
        assert [name for part in parts for name in part.symbols] == list(whole.symbols)
        assert np.concatenate([part.close for part in parts]).tolist() == whole.close.tolist()
        assert {(part.event_time, part.interval, part.source) for part in parts} == {
            (whole.event_time, whole.interval, whole.source)
        }
        assert len(parts) <= 3 if rows is None else all(len(part.symbols) <= rows for part in parts)
        assert [part.symbols for part in two.parts(whole)] == [part.symbols for part in parts], "repeatable"


def test_messages_are_not_all_cut_alike() -> None:
    cuts = Cuts()
    found: set[Any] = {tuple(len(part.symbols) for part in cuts.parts(message(30))) for _ in range(20)}
    assert len(found) > 5


@pytest.mark.parametrize("rows", [None, 1])
def test_other_messages_stay_whole(rows: int | None) -> None:
    mark = Watermark(feed="f", event_time=START, state="open")
    assert list(Cuts(rows=rows).parts(mark)) == [mark]
