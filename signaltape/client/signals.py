"""Following signals: the current state first, then every change, with gaps noticed."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from infra.settings import Settings, load_settings
from schemas.codec import decode_any
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames
from signaltape.client.topic_follower import Start, Taken, TopicFollower

DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """One message of ``signals``.

    ``next_offset`` is where to start after it: store it together with the effect of the message, and a restart goes
    on where it stopped. ``current`` is True for signals of the state at the start, which may have been seen before.
    """

    message: Signal | Heartbeat | Notice
    partition: int
    next_offset: int
    current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Messages ``expected`` … ``found`` - 1 of a partition are missing: ask before trading on."""

    partition: int
    expected: int
    found: int


class SignalSubscriber:
    """Reads ``signals`` as ``read_committed``.

    ``start="current"`` first yields the latest signal of each (strategy, symbol, interval) of the last ``lookback_s``
    seconds, marked ``current``, then what comes. A mapping partition → next offset resumes exactly there. Signals come
    once; a reader that acts on them still stores ``signal_id`` with the action, because it may itself die in between.

        for update in SignalSubscriber():
            if isinstance(update, Update) and isinstance(update.message, Signal):
                trade(update.message)
    """

    def __init__(
        self, *, start: Start | str = "current", settings: Settings | None = None, lookback_s: float = DAY_S
    ) -> None:
        resolved = settings or load_settings()
        topic = TopicNames(resolved.topics.prefix).signals
        self._wants_state = start == "current"
        place: Start = "recent" if start == "current" else start  # type: ignore[assignment]
        self._follower = TopicFollower(resolved, topic, place, lookback_s)
        self._behind = set(self._follower.partitions) if self._wants_state else set()
        self._state: dict[tuple[str, str, str], Update] = {}
        self._seq: dict[int, int] = {}

    def poll(self, timeout_s: float = 1.0) -> list[Update | Gap]:
        """Return what has come, waiting at most ``timeout_s`` seconds for the first message."""
        found: list[Update | Gap] = []
        for taken in self._follower.poll(timeout_s):
            found.extend(self._take(taken))
        return found

    def __iter__(self) -> Iterator[Update | Gap]:
        while True:
            yield from self.poll()

    @property
    def caught_up(self) -> bool:
        """True once the state at the start is complete (always, unless it started from ``"current"``)."""
        return not self._behind

    def close(self) -> None:
        """Leave the broker."""
        self._follower.close()

    def __enter__(self) -> "SignalSubscriber":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, taken: Taken) -> Iterator[Update | Gap]:
        if taken.value is None:
            yield from self._reached_end(taken.partition)
            return
        message = decode_any(taken.value, taken.content_type)
        if not isinstance(message, Signal | Heartbeat | Notice):
            return
        expected = self._seq.get(taken.partition)
        if expected is not None and message.seq != expected:
            yield Gap(partition=taken.partition, expected=expected, found=message.seq)
        self._seq[taken.partition] = message.seq + 1
        current = taken.partition in self._behind
        update = Update(message=message, partition=taken.partition, next_offset=taken.offset + 1, current=current)
        if not current:
            yield update
        elif isinstance(message, Signal):
            self._state[message.strategy, message.symbol, message.interval] = update

    def _reached_end(self, partition: int) -> Iterator[Update]:
        """Yield the state of a partition, oldest first, once all that was there at the start is read."""
        if partition not in self._behind:
            return
        self._behind.discard(partition)
        mine = [key for key, update in self._state.items() if update.partition == partition]
        yield from sorted((self._state.pop(key) for key in mine), key=lambda update: update.next_offset)
