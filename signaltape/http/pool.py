"""Work that blocks (models, Redis, Postgres, Kafka) beside the event loop, bounded."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from signaltape.serving.errors import ServingError


class NotBegun(ServingError):
    """Time was up while the call still waited in line: nothing of it happened, and nothing will."""

    def __init__(self) -> None:
        super().__init__("overloaded", "no answer in time: too many requests wait already. Nothing of it was done")


Result = TypeVar("Result")
Asked = ParamSpec("Asked")


class Pool:
    """``threads`` calls at a time, ``waiting`` more in line; the next one is refused at once (``overloaded``)."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="api")
        self._room = threading.BoundedSemaphore(threads + waiting)

    async def run(self, call: Callable[Asked, Result], *arguments: Asked.args, **named: Asked.kwargs) -> Result:
        """Return what ``call`` returns. Its place is free again when it ends, not when its caller gives up.

        Raises ``NotBegun`` where the caller gives up before the call began: it never begins then.
        """
        if not self._room.acquire(blocking=False):
            raise ServingError("overloaded", "too many requests wait already")
        future = self._executor.submit(call, *arguments, **named)
        future.add_done_callback(lambda _: self._room.release())
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.cancel():  # True also where it has been cancelled already
                raise NotBegun from None
            raise

    def close(self) -> None:
        """Let calls end; what waits is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)
