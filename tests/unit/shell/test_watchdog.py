"""What the watchdog tells of a partition that stands."""

from typing import cast

from consumers.shell.log_probe import LogProbe
from consumers.shell.watchdog import Stillness, Watchdog

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

    def first_from(self, place: tuple[str, int], offset: int) -> int | None:
        return min((one for one in self.messages if one >= offset), default=None)


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


def ended_at(log: Log, looks: list[tuple[float, int, int]]) -> float | None:
    """When the watchdog ends the process, s: at each look (when, position, end of the log)."""
    at = {PLACE: 0}
    dog = Watchdog(cast("LogProbe", log), 60.0, positions=lambda: at, excuse=lambda: None)
    stillness = Stillness(60.0)
    for now, at[PLACE], log.end in looks:
        dog._look(stillness, now)
        if dog.error is not None:
            return now
    return None


def test_after_a_quiet_hour_the_next_message_has_the_whole_limit() -> None:
    quiet = [(5.0 * look, 7, 7) for look in range(720)]
    log = Log(end=7, messages=tuple(range(100)))
    assert ended_at(log, [*quiet, (3_600.0, 7, 9), (3_605.0, 9, 9), (3_665.0, 9, 9)]) is None
    stalled = [(3_600.0 + 5.0 * look, 7, 9) for look in range(100)]
    assert ended_at(log, [*quiet, *stalled]) == 3_660.0


def test_a_log_that_stands_more_often_than_it_moves_is_no_stall() -> None:
    """A bar a minute, seen once while it is on its way, in every minute."""
    log = Log(end=0, messages=tuple(range(1_000)))
    looks = [(60.0 * bar + second, bar, bar + (second == 0)) for bar in range(100) for second in range(0, 60, 5)]
    assert ended_at(log, looks) is None
