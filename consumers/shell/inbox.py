"""From the event loop to the worker thread: a bounded queue of messages and changes of assignment, in order."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from consumers.shell.handler import TopicPartition
from consumers.shell.options import ShellOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Revoked:
    """A rebalance began: nothing is handled until ``Assigned``. ``settled`` is set when the worker has paused."""

    settled: threading.Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Assigned:
    """A rebalance ended: from here on exactly ``partitions`` are ours."""

    partitions: frozenset[TopicPartition]


class Inbox:
    """One event loop puts, one worker takes. Beyond the limits of ``options`` the loop is asked to wait.

    Each side writes counters of its own, so none needs a lock; the queue's operations are atomic.
    """

    def __init__(self, options: ShellOptions) -> None:
        self._options = options
        self._items: deque[Any] = deque()
        self._ready = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._put = self._put_bytes = self._dropped = self._dropped_bytes = 0
        self._done = self._done_bytes = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Messages put and not yet done with."""
        return self._put - self._dropped - self._done

    @property
    def full(self) -> bool:
        """True if reading should pause."""
        size = self._put_bytes - self._dropped_bytes - self._done_bytes
        return self.waiting >= self._options.inbox_messages or size >= self._options.inbox_bytes

    def put(self, message: Any) -> Awaitable[None] | None:
        """Add a message (event loop); what is returned is to be awaited before the next one."""
        self._put += 1
        self._put_bytes += len(message.value or b"")
        self._items.append(message)
        if not self._ready.is_set():
            self._ready.set()
        return self._wait_for_room() if self.full else None

    def announce(self, change: Revoked | Assigned) -> None:
        """Add a change of assignment (event loop); a revocation drops the messages that wait: they come again."""
        if isinstance(change, Revoked):
            self._drop()
        self._items.append(change)
        self._ready.set()
        if self._closed:
            self._settle_all()

    def close(self) -> None:
        """Nothing is taken any more (worker): who waits for it to pause, now or later, need not."""
        self._closed = True  # before what is there is looked at: who announces looks afterwards
        self._settle_all()

    def take(self, timeout_s: float) -> list[Any] | Revoked | Assigned:
        """Return all messages at hand up to the size of a round, or one change (worker); empty after the time."""
        if not self._items:
            self._ready.clear()
            if not self._items:
                self._ready.wait(timeout_s)
        taken: list[Any] = []
        limit = self._options.round_messages
        while self._items and len(taken) < limit:
            # Only the loop's `_drop` pops besides us, and it puts changes back: `None` is never an item.
            item = self._pop()
            if isinstance(item, Revoked | Assigned):
                if not taken:
                    return item
                self._items.appendleft(item)
                break
            if item is not None:
                taken.append(item)
        return taken

    def done(self, messages: int, size: int) -> None:
        """Tell that the worker holds ``messages`` of ``size`` bytes fewer (worker)."""
        self._done += messages
        self._done_bytes += size
        if not self._room.is_set() and not self.full:
            self._loop.call_soon_threadsafe(self._room.set)

    async def _wait_for_room(self) -> None:
        while self.full:
            self._room.clear()
            if self.full:
                await self._room.wait()

    def _pop(self) -> Any:
        try:
            return self._items.popleft()
        except IndexError:
            return None

    def _settle_all(self) -> None:
        for item in tuple(self._items):
            if isinstance(item, Revoked):
                item.settled.set()

    def _drop(self) -> None:
        changes = []
        while (item := self._pop()) is not None:
            if isinstance(item, Revoked | Assigned):
                changes.append(item)
            else:
                self._dropped += 1
                self._dropped_bytes += len(item.value or b"")
        self._items.extend(changes)
        self._room.set()
