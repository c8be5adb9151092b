"""Scales that people read: round steps, numbers that differ, marks that don't collide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltape.reports.axes import NUMBER, SHARE, TimeAxis, ticks
from tests.support.backtests import daily_closes, minute_closes


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 8))
def test_ticks_lie_inside_and_rise_evenly(low: float, width: float, count: int) -> None:
    high = low + width
    if width < 1e-9 * abs(low):
        return
    found = ticks(low, high, count)
    assert 1 <= len(found) <= 2 * count + 2
    slack = 1e-6 * width + 1e-11
    assert all(low - slack <= one <= high + slack for one in found)
    assert found == sorted(set(found))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e7))
def test_texts_of_neighbours_differ(low: float, width: float) -> None:
    for unit in (NUMBER, SHARE):
        texts = unit.texts(ticks(low, low + width))
        assert len(set(texts)) == len(texts)


AXES = {
    "a session": (minute_closes(1), "15:00"),
    "12 sessions": (minute_closes(12), "2025-01-01"),
    "half a year": (daily_closes(125), "2025-01"),
    "two years": (daily_closes(504), "2025-01"),
    "ten years": (daily_closes(2520), "2025"),
}


@pytest.mark.parametrize("name", AXES)
def test_marks_fit(name: str) -> None:
    times, first = AXES[name]
    axis = TimeAxis(time=np.array(times), number=np.arange(len(times)))
    shares, texts = zip(*axis.marks(), strict=True)
    assert first == texts[0]
    assert 3 <= len(texts) <= 9
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert list(shares) == sorted(set(shares))


def test_nights_take_no_room() -> None:
    times = minute_closes(2, 100)
    axis = TimeAxis(time=np.array(times), number=np.arange(200))
    assert axis.share(times[99]) == 99 / 199
    assert axis.share(times[100]) == 100 / 199


def test_one_bar_time_stands_in_the_middle() -> None:
    axis = TimeAxis(time=np.array([10**18]), number=np.array([0]))
    assert axis.share(10**18) == 0.5
