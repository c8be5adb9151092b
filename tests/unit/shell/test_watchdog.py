"""What the watchdog tells of a partition that stands."""

from typing import cast

from consumers.shell.log_probe import LogProbe
from consumers.shell.watchdog import Watchdog

PLACE = ("predictions", 0)


class Log:
    """Messages at some offsets of a log that ends at ``end``; other offsets are ends of transactions."""

    def __init__(self, end: int, messages: tuple[int, ...]) -> None:
        self.end, self.messages, self.asked = end, messages, 0

    def ends(self, place: tuple[str, int]) -> tuple[int, int]:
        return 0, self.end

    def missing(self, place: tuple[str, int], first: int, end: int) -> bool:
        self.asked += 1
        return any(first <= one < end for one in self.messages)


def watch(log: Log, *positions: int | None) -> tuple[Watchdog, list[int]]:
    """A watchdog, and the lags that it told, after a look at each position; None: it is another process's."""
    found: list[int] = []
    dog = Watchdog(
        cast("LogProbe", log), 60.0, positions=dict, excuse=lambda: None, report=lambda _, __, lag: found.append(lag)
    )
    for position in positions:
        dog._look_at_lags({} if position is None else {PLACE: position})
    return dog, found


def told(log: Log, *positions: int | None) -> list[int]:
    return watch(log, *positions)[1]


def test_the_end_of_a_transaction_is_no_message_that_waits() -> None:
    log = Log(end=8, messages=(5, 6))
    assert told(log, 7, 7, 7, 7) == [1, 0, 0, 0]  # what stands is looked at, once
    assert log.asked == 1


def test_a_partition_is_quiet_where_it_stands_before_no_message() -> None:
    log = Log(end=8, messages=(5, 6))
    assert watch(log, 7)[0].quiet == {}  # it may be on its way
    assert watch(log, 7, 7)[0].quiet == {PLACE: (7, 8)}
    assert watch(log, 7, 7, 7, 8)[0].quiet == {PLACE: (7, 8)}
    assert watch(log, 7, 7, None)[0].quiet == {}
    assert watch(log, 5, 5, 5)[0].quiet == {}  # messages wait


def test_messages_that_wait_are_told_as_long_as_they_do() -> None:
    log = Log(end=8, messages=(5, 6))
    assert told(log, 6, 6, 6) == [2, 2, 2]


def test_nothing_is_looked_for_while_it_moves() -> None:
    log = Log(end=9, messages=tuple(range(9)))
    assert told(log, 2, 4, 6, 9) == [7, 5, 3, 0]
    assert log.asked == 0


def test_of_a_partition_that_was_given_away_nothing_waits_here_any_more() -> None:
    log = Log(end=8, messages=(5, 6))
    assert told(log, 5, None, None, 5) == [3, 0, 3]  # told once; and it may come back
