"""What open pages are told without asking: channels of events, each made once for all who listen.

Nothing is made while nobody listens. A listener that doesn't keep up loses its oldest events and is told so
(``lost``): it reads again what it shows. Everything but ``end`` runs on the server's event loop.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson

from infra.errors import OperatorError
from infra.telemetry.logs import get_logger
from signaltape.http.failures import Refused
from signaltape.http.limits import network_of
from signaltape.serving.errors import ServingError

#: Gives an event's content, or None where there is nothing new; may block, must bound what it returns.
Make = Callable[[], Any]

_KEPT = 16
#: So that a connection that has gone is noticed, and a page knows that the server still speaks.
_PING_S = 10.0
#: When a page that found no place may ask again.
_LATER_S = 10.0


@dataclass(slots=True)
class _Channel:
    make: Make
    every_s: float
    last: bytes | None = None
    keeps: bool = True
    only_changes: bool = False
    listeners: set["_Listener"] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class _Listener:
    def __init__(self) -> None:
        self.events: deque[bytes] = deque(maxlen=_KEPT)
        self.lost = False
        self.arrived = asyncio.Event()

    def put(self, event: bytes) -> None:
        self.lost |= len(self.events) == _KEPT
        self.events.append(event)
        self.arrived.set()


class TooManyPages(Refused):
    """There is no place for one more listener."""


class Streams:
    """Channels by name, and at most ``most`` listeners, ``most_of_one`` of them from one address."""

    def __init__(self, most: int, most_of_one: int | None = None) -> None:
        self._channels: dict[str, _Channel] = {}
        self._most, self._most_of_one = most, most if most_of_one is None else most_of_one
        self._listening: Counter[str] = Counter()  # by address
        # Apart from the pool of requests: what is shown must not wait for them, nor they for it.
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="streams")
        self._ended = False

    def add(self, name: str, make: Make, every_s: float, *, keeps: bool = True, only_changes: bool = False) -> None:
        """Add a channel, before the server begins: ``make`` is called every ``every_s`` seconds while one listens.

        ``keeps``: a new listener gets the last event at once (right for pictures, wrong for increments).
        ``only_changes``: an event that is equal to the one before is not sent again.
        """
        self._channels[name] = _Channel(make, every_s, keeps=keeps, only_changes=only_changes)

    @property
    def names(self) -> frozenset[str]:
        """The channels that there are."""
        return frozenset(self._channels)

    def listen(self, names: Iterable[str], hello: dict[str, Any], address: str = "") -> AsyncIterator[bytes]:
        """Server-sent events of these channels, until the caller goes away or the server ends.

        Raises TooManyPages where too many listen already.
        """
        where = network_of(address)
        if refusal := self.refusal(where):
            raise refusal
        return self._events(sorted(set(names)), hello, where)

    def refusal(self, address: str, *, counted: int = 0) -> "TooManyPages | None":
        """Why an address can't listen now; ``counted``: of the listeners, those that stand for the one who asks."""
        if self._listening.total() - counted >= self._most:
            return TooManyPages(
                503, f"{self._most} pages are open already, which is the limit (api.max_pages)", _LATER_S
            )
        if self._listening[network_of(address)] - counted >= self._most_of_one:
            return TooManyPages(
                429,
                f"{self._most_of_one} pages are open already from this address, which is the limit"
                " (api.max_pages_per_address): close one of them",
                _LATER_S,
            )
        return None

    def end(self) -> None:
        """Let every listener's stream end; from any thread."""
        self._ended = True
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _events(self, names: list[str], hello: dict[str, Any], address: str) -> AsyncIterator[bytes]:
        listener = _Listener()
        channels = [self._channels[name] for name in names]
        # Counted here, where it is sure to be taken back: a caller may go away before the first event.
        self._listening[address] += 1
        try:
            # Several may have come at the same time, before one of them was counted.
            if refusal := self.refusal(address, counted=1):
                yield _event("fault", orjson.dumps({"channel": "", "message": str(refusal)}))
                return
            yield _event("hello", orjson.dumps(hello))
            for name, channel in zip(names, channels, strict=True):
                if not channel.listeners:
                    channel.last = None  # whoever comes back must hear what it missed, changed since then or not
                elif channel.last is not None and channel.keeps:
                    listener.put(channel.last)
                channel.listeners.add(listener)
                if channel.task is None:
                    channel.task = asyncio.create_task(self._run(name, channel))
            quiet = time.monotonic()
            while not self._ended:
                if listener.lost:
                    listener.lost = False
                    listener.events.clear()
                    yield _event("lost", b"{}")
                while listener.events:
                    yield listener.events.popleft()
                    quiet = time.monotonic()
                if time.monotonic() - quiet > _PING_S:
                    quiet = time.monotonic()
                    yield _event("ping", b"{}")
                listener.arrived.clear()
                try:
                    await asyncio.wait_for(listener.arrived.wait(), 0.5)
                except TimeoutError:
                    continue
        finally:
            self._listening[address] -= 1
            if not self._listening[address]:
                del self._listening[address]
            for channel in channels:
                channel.listeners.discard(listener)

    async def _run(self, name: str, channel: _Channel) -> None:
        loop = asyncio.get_running_loop()
        try:
            while channel.listeners and not self._ended:
                begun = time.monotonic()
                event = await loop.run_in_executor(self._executor, _made, name, channel.make)
                if event is not None and not (channel.only_changes and event == channel.last):
                    channel.last = event
                    for listener in channel.listeners:
                        listener.put(event)
                await asyncio.sleep(max(0.05, channel.every_s - (time.monotonic() - begun)))
        finally:
            channel.task = None


def _made(name: str, make: Make) -> bytes | None:
    """The event, or one that says why there is none: a page must not take silence for quiet."""
    try:
        content = make()
        return None if content is None else _event(name, orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
    except (OperatorError, ServingError) as error:
        return _event("fault", orjson.dumps({"channel": name, "message": str(error)[:300]}))
    except Exception:
        get_logger().exception("stream_failed", channel=name)
        return _event("fault", orjson.dumps({"channel": name, "message": "a fault of this program; see its log"}))


def _event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
