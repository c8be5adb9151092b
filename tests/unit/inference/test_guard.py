"""The breaker, and calls that can be left behind."""

import doctest
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from consumers.inference import breaker
from consumers.inference.breaker import Breaker
from consumers.inference.workers import CallAbandoned, Workers
from tests.support.waiting import wait_for


def test_breaker_example() -> None:
    assert doctest.testmod(breaker).failed == 0


@pytest.mark.parametrize(
    ("results", "asked"),
    [
        # `+` answers, `-` misses: what the model would do at each bar; asked: whether it was asked
        ("+-+-+-+-", "aaaaaaaa"),  # never two misses in a row
        ("--++++++", "aa..aaaa"),  # open after two, the third call probes and closes it
        ("--------", "aa..a..a"),  # each failed probe starts the count anew
        ("--+--+++", "aa..a..a"),  # good bars that nobody asked about change nothing
    ],
)
def test_opens_probes_and_closes(results: str, asked: str) -> None:
    subject, seen = Breaker(misses=2, probe=3), ""
    for result in results:
        allowed = subject.allows()
        seen += "a" if allowed else "."
        if allowed:
            subject.record(ok=result == "+")
    assert seen == asked


def test_held_lets_nothing_through_and_probes_after_its_release() -> None:
    subject = Breaker(misses=5, probe=2)
    subject.hold()
    subject.record(ok=False)
    assert [subject.allows() for _ in range(10)] == [False] * 10
    subject.release()
    assert subject.is_open
    assert [subject.allows() for _ in range(2)] == [False, True]
    subject.record(ok=True)
    assert not subject.is_open


def test_calls_return_raise_and_use_the_same_thread_again() -> None:
    workers = Workers()
    names = {workers.run(lambda: threading.current_thread().ident, 10.0) for _ in range(20)}
    assert len(names) == 1
    assert names != {threading.get_ident()}
    with pytest.raises(ZeroDivisionError):
        workers.run(lambda: 1 / 0, 10.0)
    assert {workers.run(lambda: threading.current_thread().ident, 10.0)} == names


def test_a_call_left_behind_counts_until_it_returns_and_disturbs_no_other() -> None:
    workers, end = Workers(), threading.Event()
    with pytest.raises(CallAbandoned, match=r"0\.05 s"):
        workers.run(lambda: end.wait(30.0), 0.05)
    assert workers.lost == 1
    assert [workers.run(lambda number=number: number, 10.0) for number in range(5)] == list(range(5))
    end.set()
    wait_for(lambda: workers.lost == 0, 30, "the call to return")


def test_calls_of_many_threads_get_their_own_answers() -> None:
    workers = Workers()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: workers.run(lambda: number * number, 10.0), range(2_000)))
    assert answers == [number * number for number in range(2_000)]
    assert workers.lost == 0
