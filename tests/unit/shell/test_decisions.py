"""The shell's pure decisions: which messages count, when a partition stands still, where a crash point strikes."""

import asyncio
import threading
from collections.abc import Mapping

import pytest

from consumers.shell.errors import GapError
from consumers.shell.handler import Round, TopicPartition
from consumers.shell.inbox import Assigned, Inbox, Revoked
from consumers.shell.lanes import Lanes
from consumers.shell.options import ShellOptions
from consumers.shell.watchdog import Stillness
from consumers.shell.worker import Worker
from infra.broker.reading import Record
from infra.crash_points import CrashPoint

KEY = ("t", 0)


def record(offset: int, partition: int = 0) -> Record:
    return Record("t", partition, offset, 0, None, b"", ())


def offsets(taken: dict[tuple[str, int], list[Record]], key: tuple[str, int] = KEY) -> list[int]:
    return [one.offset for one in taken.get(key, [])]


def opened(expected: int, *, exists: bool = True) -> Lanes:
    lanes = Lanes(lambda key, first, end: exists)
    lanes.expected[KEY] = expected
    lanes.resume()
    return lanes


@pytest.mark.parametrize(
    ("expected", "arrive", "taken"),
    [
        (0, [0, 1, 2], [0, 1, 2]),
        (2, [0, 1, 2, 3], [2, 3]),  # below the start
        (0, [0, 1, 0, 1, 2], [0, 1, 2]),  # read again after a rebalance
        (5, [3, 4], []),
    ],
)
def test_messages_count_once_and_in_order(expected: int, arrive: list[int], taken: list[int]) -> None:
    lanes = opened(expected)
    assert offsets(lanes.sort(map(record, arrive))) == taken
    assert lanes.skipped == len(arrive) - len(taken)


def test_missing_messages_are_a_gap() -> None:
    with pytest.raises(GapError, match=r"message at 3 arrived, but those from 1 on"):
        opened(0).sort(map(record, [0, 3]))


def test_offsets_without_messages_are_no_gap() -> None:
    assert offsets(opened(0, exists=False).sort(map(record, [0, 3, 4]))) == [0, 3, 4]


@pytest.mark.parametrize(
    ("first", "end", "expected"),
    [
        (5, 7, 7),
        (4, 7, 5),  # a message was taken meanwhile: what was seen from 4 on is of before
        (6, 7, 5),
        (5, 5, 5),
    ],
)
def test_a_partition_moves_on_only_from_where_it_stands(first: int, end: int, expected: int) -> None:
    lanes = opened(5, exists=False)
    assert lanes.move_on({KEY: (first, end), ("t", 1): (0, 9)}) == ({KEY: 7} if expected == 7 else {})
    assert lanes.expected == {KEY: expected}
    assert offsets(lanes.sort([record(6), record(7)])) == ([7] if expected == 7 else [6, 7])


def test_a_partition_that_is_not_open_is_held_until_it_is() -> None:
    lanes = opened(0)
    assert lanes.sort([record(0), record(7, partition=1)]) == {KEY: [record(0)]}
    lanes.expected["t", 1] = 7
    assert offsets(lanes.resume(), ("t", 1)) == [7]


def test_nothing_passes_between_revocation_and_assignment() -> None:
    lanes = opened(0)
    lanes.suspend()
    assert lanes.sort([record(0), record(1)]) == {}
    assert offsets(lanes.resume()) == [0, 1]
    lanes.sort([record(2, partition=9)])
    lanes.suspend()
    assert lanes.resume() == {}


class _Timers:
    """A handler that notes what the worker calls."""

    def __init__(self, stop: threading.Event) -> None:
        self.calls: list[str] = []
        self._stop = stop

    def open(self, partition: TopicPartition) -> int:
        return 0

    def handle(self, messages: Round) -> None: ...

    def close(self, partition: TopicPartition) -> None: ...

    def at_end(self, ends: Mapping[TopicPartition, int]) -> None:
        self.calls.append(f"at_end {dict(ends)}")

    def idle(self) -> None:
        self.calls.append("idle")
        self._stop.set()

    def settle(self) -> None:
        self.calls.append("settle")

    def finish(self) -> None:
        self.calls.append("finish")


def test_ends_of_logs_reach_the_handler_while_it_runs_and_before_it_finishes() -> None:
    async def run() -> list[str]:
        stop, options = threading.Event(), ShellOptions(idle_every_s=0.001)
        handler, lanes = _Timers(stop), opened(5)
        worker = Worker(
            lambda: handler, Inbox(options), lanes, options, stop,
            quiet=lambda: {KEY: (5, 7)}, look=lambda positions: {KEY: (positions[KEY], 9)},
        )  # fmt: skip
        worker.start()
        await asyncio.to_thread(worker.join, 60.0)
        assert worker.error is None
        assert worker.positions == lanes.expected == {KEY: 9}
        return handler.calls

    assert asyncio.run(run()) == ["at_end {('t', 0): 7}", "idle", "settle", "at_end {('t', 0): 9}", "finish"]


def test_timers_rest_between_revocation_and_assignment() -> None:
    async def run() -> list[str]:
        stop, options = threading.Event(), ShellOptions(idle_every_s=0.001)
        handler, inbox, lanes = _Timers(stop), Inbox(options), opened(0)
        inbox.announce(Revoked(settled=threading.Event()))
        inbox.announce(Assigned(partitions=frozenset({KEY})))
        worker = Worker(lambda: handler, inbox, lanes, options, stop)
        worker.start()
        await asyncio.to_thread(worker.join, 60.0)
        assert worker.error is None
        assert not lanes.suspended
        return handler.calls

    assert asyncio.run(run()) == ["settle", "idle", "settle", "finish"]


class _Failing(_Timers):
    def settle(self) -> None:
        raise ValueError("what was under way has failed")


def test_a_rebalance_does_not_wait_for_a_worker_that_has_ended() -> None:
    """Whether it ends because it was stopped or because its handler failed, and whenever the rebalance begins."""

    async def run(handler: type[_Timers], *, stopped: bool) -> list[bool]:
        stop, options = threading.Event(), ShellOptions(idle_every_s=0.001)
        changes = [Revoked(settled=threading.Event()) for _ in range(3)]
        inbox = Inbox(options)
        if stopped:
            stop.set()
        for change in changes[:2]:
            inbox.announce(change)
        worker = Worker(lambda: handler(stop), inbox, opened(0), options, stop)
        worker.start()
        await asyncio.to_thread(worker.join, 60.0)
        inbox.announce(changes[2])
        return [change.settled.is_set() for change in changes]

    assert asyncio.run(run(_Timers, stopped=True)) == [True] * 3
    assert asyncio.run(run(_Failing, stopped=False)) == [True] * 3


def test_stillness_names_a_partition_after_the_limit_only() -> None:
    still = Stillness(10.0)
    assert still.observe({KEY: 5}, 0.0, excused=False) == []
    assert still.observe({KEY: 5}, 9.9, excused=False) == []
    assert still.observe({KEY: 5}, 10.0, excused=False) == [KEY]
    assert still.observe({KEY: 6}, 10.1, excused=False) == []
    assert still.observe({KEY: 6}, 20.0, excused=False) == []


def test_an_excuse_starts_every_clock_anew() -> None:
    still = Stillness(10.0)
    still.observe({KEY: 5}, 0.0, excused=False)
    assert still.observe({KEY: 5}, 12.0, excused=True) == []
    assert still.observe({KEY: 5}, 21.0, excused=False) == []
    assert still.observe({KEY: 5}, 22.0, excused=False) == [KEY]


def test_a_crash_point_strikes_at_its_count() -> None:
    point = CrashPoint("features.3_published:3")
    assert [point.reach(name) for name in ["features.3_published", "other", *["features.3_published"] * 3]] == [
        False, False, False, True, False,
    ]  # fmt: skip
    assert CrashPoint("a").reach("a")
    with pytest.raises(ValueError, match="counts from 1"):
        CrashPoint("a:0")
