"""What waits for a group: messages, not offsets; and no partition is read twice for the same answer."""

import pytest

from infra.broker.group_watch import Bounds, First
from signaltape.monitor.lags import GroupLag, Lags

GROUP, PLACE = "g", ("predictions.v1", 0)
NOW_S = 1_000.0


def lag(messages: int, seconds: float, expired: int = 0) -> list[GroupLag]:
    found = GroupLag(
        group=GROUP, topic=PLACE[0], partition=PLACE[1], messages=messages, seconds=seconds, expired=expired
    )
    return [found]


def told(lags: Lags, position: int, bounds: Bounds, first: First | str | None = "not asked") -> list[GroupLag]:
    """A look: `first` is what reading finds; "not asked": nothing may be read; "silent": no answer comes in time."""
    positions, known = {PLACE: position}, {PLACE: bounds}
    asked = lags.unknown(GROUP, positions, known)
    assert bool(asked) == (first != "not asked")
    if not isinstance(first, str):
        lags.learn(GROUP, positions, known, {PLACE: first})
    return lags.of(GROUP, positions, known, NOW_S)


def test_a_group_at_the_end_has_nothing_waiting_and_nothing_is_read() -> None:
    assert told(Lags(), 7, Bounds(0, 7)) == lag(0, 0.0)


def test_the_end_of_a_transaction_is_no_message() -> None:
    lags = Lags()
    assert told(lags, 7, Bounds(0, 8), None) == lag(0, 0.0)
    assert told(lags, 7, Bounds(0, 8)) == lag(0, 0.0)  # remembered
    assert told(lags, 7, Bounds(0, 12), First(9, 990_000)) == lag(3, 10.0)


def test_the_oldest_that_waits_tells_the_age_and_is_read_once() -> None:
    lags = Lags()
    assert told(lags, 3, Bounds(0, 10), First(4, 940_000)) == lag(6, 60.0)
    assert told(lags, 3, Bounds(0, 50)) == lag(46, 60.0)
    assert told(lags, 20, Bounds(0, 50), First(20, 999_000)) == lag(30, 1.0)


def test_what_expired_is_counted_and_the_next_one_is_the_oldest() -> None:
    lags = Lags()
    assert told(lags, 3, Bounds(0, 50), First(3, 900_000)) == lag(47, 100.0)
    assert told(lags, 3, Bounds(10, 50), First(10, 950_000)) == lag(40, 50.0, expired=7)


def test_an_end_of_a_transaction_that_expires_is_no_loss() -> None:
    """A topic with a message now and then, such as `alerts`: its last one expires long after it was taken."""
    lags = Lags()
    assert told(lags, 7, Bounds(0, 8), None) == lag(0, 0.0)
    assert told(lags, 7, Bounds(8, 8)) == lag(0, 0.0)
    assert told(lags, 7, Bounds(9, 12), First(9, 1_000_000)) == lag(3, 0.0, expired=2)


def test_a_log_that_expired_whole_is_not_taken_for_one_that_was_read() -> None:
    lags = Lags()
    assert told(lags, 3, Bounds(50, 50), None) == lag(0, 0.0, expired=47)
    assert told(lags, 3, Bounds(50, 50)) == lag(0, 0.0, expired=47)


def test_what_cannot_be_read_is_left_out_rather_than_guessed() -> None:
    lags = Lags()
    assert told(lags, 3, Bounds(0, 10), "silent") == []
    assert told(lags, 3, Bounds(0, 10), First(3, 1_000_000)) == lag(7, 0.0)
    assert told(lags, 5, Bounds(0, 10), "silent") == []
    assert lags.of(GROUP, {PLACE: 5}, {}, NOW_S) == []


@pytest.mark.parametrize("ahead_ms", [1, 60_000])
def test_a_timestamp_ahead_of_the_clock_is_no_negative_age(ahead_ms: int) -> None:
    assert told(Lags(), 3, Bounds(0, 4), First(3, round(NOW_S * 1_000) + ahead_ms)) == lag(1, 0.0)


def test_what_came_after_the_end_was_asked_for_does_not_wait_yet() -> None:
    assert told(Lags(), 7, Bounds(0, 8), First(9, 900_000)) == lag(0, 0.0)
