"""Which ends of partitions the store follows, and when."""

from consumers.store.ends import Ends
from consumers.store.sorting import Owned

SIGNALS, OTHER = ("signals", 0), ("signals", 1)


def owned(next_offset: int) -> dict[tuple[str, int], Owned]:
    return {SIGNALS: Owned(epoch=1, next_offset=next_offset, generation=1)}


def test_an_end_is_followed_once_it_stands() -> None:
    ends = Ends()
    ends.saw(SIGNALS, 8)
    assert ends.beyond(owned(7)) == {SIGNALS: 8}
    assert ends.standing(owned(7)) == {}
    assert ends.standing(owned(7)) == {SIGNALS: 8}
    assert ends.standing(owned(8)) == {}  # done


def test_an_end_that_moves_on_is_left_to_the_flow() -> None:
    ends = Ends()
    for end in range(8, 20, 2):
        ends.saw(SIGNALS, end)
        assert ends.standing(owned(end - 1)) == {}


def test_an_end_before_what_is_stored_is_none_any_more() -> None:
    ends = Ends()
    ends.saw(SIGNALS, 8)
    assert ends.beyond(owned(8)) == ends.beyond(owned(9)) == {}


def test_another_process_has_the_partition() -> None:
    ends = Ends()
    ends.saw(OTHER, 8)
    assert ends.beyond(owned(7)) == {}
    assert ends.missing(owned(7))
    ends.saw(SIGNALS, 7)
    assert not ends.missing(owned(7))
    assert ends.missing(owned(8))  # a record came behind it
