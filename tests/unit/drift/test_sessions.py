"""Closing of session days: literal times, one boundary per case."""

import pytest

from pipeline.drift.sessions import SessionGate, lanes_of
from schemas.bars import Watermark
from schemas.intervals import DAY, HOUR

pytestmark = pytest.mark.unit
LANE = ("predictions", 0)


def mark(time: int, state: str = "advance", partition_time: int | None = -1, feed: str = "f") -> Watermark:
    """Watermark whose partition time is its own unless told otherwise."""
    return Watermark(
        feed=feed, event_time=time, state=state, partition_time=time if partition_time == -1 else partition_time
    )


@pytest.mark.parametrize(
    ("marks", "released"),
    [
        # nothing said: holds back
        ([], None),
        # a promise up to just before midnight leaves the day open, at midnight it is over (midnight belongs to it)
        ([mark(10 * DAY - 1)], 8),
        ([mark(10 * DAY)], 9),
        ([mark(10 * DAY + 1)], 9),
        # the slower of two feeds counts: its time is the partition's
        ([mark(12 * DAY, partition_time=10 * DAY)], 9),
        # final of the last feed: the day of the latest final is over
        ([mark(10 * DAY + HOUR, "final", None)], 10),
        ([mark(10 * DAY, "final", None)], 9),
        # final while another is open: the other's promise counts; its own final later releases the later day
        ([mark(12 * DAY + HOUR, "final", 10 * DAY + HOUR, "a")], 9),
        ([mark(12 * DAY + HOUR, "final", 10 * DAY + HOUR, "a"), mark(10 * DAY + 2, "final", None, "b")], 12),
        # timed out: it may come back in the same session
        ([mark(10 * DAY + HOUR, "timed_out", None)], 9),
        # an advance of a feed that isn't open promises nothing
        ([mark(10 * DAY + HOUR, "advance", None)], None),
        # what is released stays released when an older feed opens
        ([mark(10 * DAY), mark(5 * DAY, "open", 5 * DAY, "g")], 9),
    ],
)
def test_release(marks: list[Watermark], released: int | None) -> None:
    gate = SessionGate([LANE])
    for one in marks:
        gate.advance(LANE, one)
    assert gate.closable == released
    again = SessionGate([LANE])
    again.restore(gate.snapshot())
    assert again.snapshot() == gate.snapshot()


def test_a_row_is_late_once_its_own_lane_released_its_session() -> None:
    gate = SessionGate(lanes_of(1))
    gate.advance(LANE, mark(10 * DAY))
    assert gate.is_late(LANE, 10 * DAY)
    assert not gate.is_late(LANE, 10 * DAY + 1)
    assert not gate.is_late(("returns", 0), 10 * DAY)  # the other lane has not


def test_minimum_over_all_partitions_of_both_topics() -> None:
    gate = SessionGate(lanes_of(3))
    lanes = lanes_of(3)
    for number, lane in enumerate(lanes):
        assert gate.closable is None
        gate.advance(lane, mark((20 - number) * DAY))
    assert gate.closable == 14
    gate.advance(lanes[-1], mark(18 * DAY))
    assert gate.closable == 15


def test_state_of_other_partitions_is_refused() -> None:
    with pytest.raises(ValueError, match="the state covers lanes"):
        SessionGate(lanes_of(4)).restore(SessionGate(lanes_of(2)).snapshot())
