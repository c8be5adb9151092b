"""Calls that may not return."""

import threading

import pytest

from infra.broker.bounded import Bounded, Overdue


def test_returns_what_the_call_returns_and_raises_what_it_raises() -> None:
    bounded: Bounded[int] = Bounded("test")
    assert bounded.run(lambda: 7, 5.0) == 7
    with pytest.raises(ZeroDivisionError):
        bounded.run(lambda: 1 // 0, 5.0)
    assert bounded.run(lambda: 8, 5.0) == 8


def test_a_call_that_does_not_return_is_overdue() -> None:
    never = threading.Event()
    bounded: Bounded[bool] = Bounded("test")
    with pytest.raises(Overdue, match=r"within 0\.05 s"):
        bounded.run(never.wait, 0.05)
    never.set()
