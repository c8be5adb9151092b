"""Calls into a library that may not return."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Overdue(Exception):
    """The call didn't return in time; it may still be under way, and so no other can be made."""


class Bounded(Generic[Result]):
    """Runs calls one at a time in a thread of its own, which doesn't keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], Result]] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def run(self, call: Callable[[], Result], deadline_s: float) -> Result:
        """Return what ``call`` returns, raise what it raises; ``Overdue``, and no more calls, after a time."""
        self._calls.put(call)
        try:
            result = self._results.get(timeout=deadline_s)
        except queue.Empty:
            raise Overdue(f"no answer within {deadline_s:g} s") from None
        if isinstance(result, BaseException):
            raise result
        return result

    def _work(self) -> None:
        while True:
            try:
                self._results.put(self._calls.get()())
            except BaseException as error:
                self._results.put(error)
