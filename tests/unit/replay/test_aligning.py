"""Lanes become one order of event time, and each keeps its own."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.replay.aligning import LogEntry, aligned
from schemas.bars import Adjustment, Watermark


def mark(time: int) -> Watermark:
    return Watermark(feed="f", event_time=time, state="advance")


times = st.lists(st.integers(1, 20), max_size=12)


@given(st.lists(times, min_size=1, max_size=4))
def test_order_of_time_and_of_lanes(lanes: list[list[int]]) -> None:
    made = {number: [(offset, mark(time)) for offset, time in enumerate(lane)] for number, lane in enumerate(lanes)}
    merged = list(aligned(made))
    assert all((one.time, one.partition) <= (two.time, two.partition) for one, two in pairwise(merged))
    for number, lane in made.items():
        assert [(one.offset, one.message) for one in merged if one.partition == number] == lane
        reached = 0
        for one in (one for one in merged if one.partition == number):
            reached = max(reached, one.message.event_time)  # type: ignore[union-attr]
            assert one.time == reached


def test_what_has_no_close_comes_at_the_time_reached() -> None:
    split = Adjustment(feed="f", source="s", symbol="A", factor=2.0, effective_time=50, available_time=50)
    merged = list(aligned({0: [(0, mark(7)), (1, split)], 1: [(0, mark(8))]}))
    assert merged == [LogEntry(7, 0, 0, mark(7)), LogEntry(7, 0, 1, split), LogEntry(8, 1, 0, mark(8))]


def test_lanes_are_read_one_message_ahead() -> None:
    read: list[int] = []

    def lane() -> object:
        for time in (1, 5, 9):
            read.append(time)
            yield 0, mark(time)

    merged = aligned({0: lane(), 1: [(0, mark(2)), (1, mark(3))]})  # type: ignore[dict-item]
    next(merged)
    next(merged)
    assert read == [1, 5]
