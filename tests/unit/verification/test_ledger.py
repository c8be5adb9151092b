"""Accounts that come in any order and in parts; who is blamed for what."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.digests.digest import Digest
from pipeline.digests.tally import DigestKey
from pipeline.verification import ledger as the
from pipeline.verification.ledger import BARS, Entry, Ledger, bar_digest, in_order

ONE, TWO, NONE = Digest(count=2, first=5, second=7), Digest(count=2, first=5, second=8), Digest()


def key(time: int, stage: str = "features") -> DigestKey:
    return DigestKey(stage, "core:1", "1m", time)


digests = st.builds(Digest, count=st.integers(1, 3), first=st.integers(0, 2**64 - 1), second=st.integers(0, 2**64 - 1))


@given(st.lists(st.tuples(st.integers(0, 3), digests), max_size=12), st.integers(0, 2**32))
def test_neither_order_nor_parts_matter(parts: list[tuple[int, Digest]], seed: int) -> None:
    """Both sides get the same digests in another order; one of them piece by piece, with settling in between."""
    shuffled = parts[:]
    random.Random(seed).shuffle(shuffled)
    book = Ledger()
    book.stored((key(time), one) for time, one in parts)
    book.live((key(time), one) for time, one in shuffled)
    struck = 0
    for time, one in shuffled:
        book.computed([(key(time), one)])
        struck += len(list(book.settle(10)))
    assert (book.entries, book.open(10)) == ({}, [])
    assert struck == len({time for time, _ in parts})


@given(st.lists(st.tuples(st.integers(0, 3), digests), min_size=1, max_size=8), st.data())
def test_what_one_side_lacks_stays_open(parts: list[tuple[int, Digest]], data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, len(parts) - 1))
    book = Ledger()
    book.stored((key(time), one) for time, one in parts)
    book.computed((key(time), one) for place, (time, one) in enumerate(parts) if place != lost)
    list(book.settle(10))
    assert [found.event_time for found, _ in book.open(10)] == [parts[lost][0]]


def test_later_bar_times_are_not_judged_yet() -> None:
    book = Ledger()
    book.computed([(key(4), ONE), (key(5), ONE)])
    book.stored([(key(4), ONE)])
    assert [found for found, _ in book.settle(5)] == [key(4)]
    assert book.open(5) == []
    assert [found for found, _ in book.open(6)] == [key(5)]


BLAMES = [
    # computed, live, stored
    (ONE, ONE, TWO, the.RECORD_CHANGED),
    (ONE, ONE, NONE, the.RECORD_CHANGED),  # rows were deleted
    (NONE, ONE, ONE, the.SOURCE_CHANGED),  # nothing is computed any more
    (ONE, TWO, TWO, the.SOURCE_CHANGED),
    (ONE, TWO, ONE, the.DIGEST_CHANGED),
    (ONE, TWO, NONE, the.ALL_DIFFER),
    (ONE, NONE, TWO, the.NO_DIGEST),
    (ONE, NONE, NONE, the.NEITHER),
]


@pytest.mark.parametrize(("computed", "live", "stored", "blame"), BLAMES)
def test_the_one_that_stands_alone(computed: Digest, live: Digest, stored: Digest, blame: str) -> None:
    entry = Entry(computed=computed, live=live, stored=stored)
    assert not entry.agrees
    assert entry.blame("features") == blame
    assert entry.blame(BARS) == the.PLACE_CHANGED


def test_without_a_digest_rows_are_enough() -> None:
    assert Entry(computed=ONE, stored=ONE).agrees
    assert Entry(computed=ONE, stored=ONE, live=ONE).agrees


def test_order_of_the_log() -> None:
    keys = [key(2, "signals"), key(1, "signals"), key(2, BARS), key(2, "predictions"), key(2)]
    found = [(one.event_time, one.stage) for one in sorted(keys, key=in_order)]
    assert found == [(1, "signals"), (2, BARS), (2, "features"), (2, "predictions"), (2, "signals")]


def test_bars_taken_otherwise_or_elsewhere() -> None:
    assert bar_digest((3, 0, 1, 0)) != bar_digest((4, 0, 0, 0))
    assert bar_digest((3, 0, 1, 0)) != bar_digest((3, 1, 0, 0))
    assert bar_digest((2,), 10 + 12) != bar_digest((2,), 10 + 13)
    assert bar_digest((1, 0, 0, 0)) + bar_digest((2, 0, 1, 0)) == bar_digest((3, 0, 1, 0))
