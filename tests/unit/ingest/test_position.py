"""Which offsets of the group are taken, and which are refused with the repair command."""

import pytest

from consumers.ingest.position import Fault, Position, PositionRefused, Standing, verify


def standing(committed: tuple[int, str] | None, low: int = 0, high: int = 10) -> Standing:
    return Standing(topic_id="now", low=low, high=high, committed=committed)


OURS, OTHER = Position(0, 77).metadata("now"), Position(0, 77).metadata("before")


@pytest.mark.parametrize(
    ("committed", "low", "fault"),
    [
        (None, 0, None),  # before anything was read
        (None, 3, "reset"),  # something has expired that a group without offsets may not have read
        ((0, ""), 0, None),  # as `signaltape init` commits
        ((3, ""), 3, None),
        ((4, ""), 3, "reset"),  # as Kafka's own tool commits
        ((4, "{"), 3, "reset"),
        ((4, "[]"), 3, "reset"),
        ((4, OURS), 3, None),
        ((10, OURS), 3, None),
        ((11, OURS), 3, "truncated"),
        ((2, OURS), 3, "expired"),
        ((2, ""), 3, "expired"),
        ((4, OTHER), 0, "recreated"),
        ((11, OTHER), 0, "recreated"),
    ],
)
def test_what_the_group_has_committed(committed: tuple[int, str] | None, low: int, fault: Fault | None) -> None:
    one = standing(committed, low)
    assert one.fault() == fault
    if fault is None:
        verify({("bars-in", 1): one})
        assert one.position.offset == (low if committed is None else committed[0])
    else:
        with pytest.raises(PositionRefused, match=r"bars-in partition 1: .*signaltape repair --service ingest"):
            verify({("bars-in", 1): one})


def test_the_newest_close_comes_back_with_the_offset() -> None:
    assert standing((4, OURS)).position == Position(4, 77)
    assert standing((0, "")).position == Position(0, 0)
