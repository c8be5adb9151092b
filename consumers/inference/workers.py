"""Threads on which models run, so that a call that doesn't return can be left behind.

Python can't end a thread, and ONNX Runtime's own termination was seen not to stop a tree model: a call that is left
behind goes on, uses a core and its memory, and counts as ``lost`` until it returns.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class CallAbandoned(Exception):
    """A call did not return within its limit; its thread goes on by itself."""


class _Job:
    """A call, and room for what comes of it: (result, None) or (None, error)."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call
        self.outcome: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self.left = self.done = False


class Workers:
    """Runs calls on threads that are kept; safe to call from any number of threads.

    A call takes a thread that is free, or a new one: there are as many as ever were calls at a time.
    """

    def __init__(self) -> None:
        self._free: SimpleQueue[SimpleQueue[_Job]] = SimpleQueue()
        self._lock = threading.Lock()
        self._lost = 0

    @property
    def lost(self) -> int:
        """Calls left behind that have not returned yet."""
        return self._lost

    def run(self, call: Callable[[], Result], limit_s: float) -> Result:
        """Return what ``call`` returns, raise what it raises, or CallAbandoned after ``limit_s`` seconds."""
        jobs, job = self._worker(), _Job(call)
        jobs.put(job)
        try:
            result, error = job.outcome.get(timeout=limit_s)
        except Empty:
            if self._leave(job):
                raise CallAbandoned(f"the call did not return in {limit_s:g} s") from None
            result, error = job.outcome.get()  # it returned at the last moment
        self._free.put(jobs)
        if error is not None:
            raise error
        answer: Result = result
        return answer

    def _worker(self) -> "SimpleQueue[_Job]":
        try:
            return self._free.get_nowait()
        except Empty:
            jobs: SimpleQueue[_Job] = SimpleQueue()
            # A daemon: one that never returns must not hold up the end of the process.
            threading.Thread(target=self._work, args=(jobs,), name="model", daemon=True).start()
            return jobs

    def _work(self, jobs: "SimpleQueue[_Job]") -> None:
        while True:
            job = jobs.get()
            try:
                outcome: tuple[Any, BaseException | None] = (job.call(), None)
            except BaseException as error:
                outcome = (None, error)
            with self._lock:
                job.done = True
                if job.left:
                    self._lost -= 1
                    return  # nobody knows of this thread any more
            job.outcome.put(outcome)
            del job, outcome  # arrays of the last call must not stay until the next one

    def _leave(self, job: _Job) -> bool:
        """Leave a call behind; False if it has returned after all."""
        with self._lock:
            if job.done:
                return False
            job.left = True
            self._lost += 1
            return True
