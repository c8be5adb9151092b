"""Following signals: the current state first, then every change, with gaps noticed."""

from dataclasses import dataclass

from infra.settings import Settings, load_settings
from schemas.codec import Message, decode_any
from schemas.signal_bytes import decode_signal
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames
from signaltape.client.subscription import Subscription
from signaltape.client.topic_follower import Start, Taken, TopicFollower

DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """One message of ``signals``.

    ``next_offset`` is where to start after it: store it together with the effect of the message, and a restart goes
    on where it stopped (in quiet times store the subscriber's ``positions``, too). ``current`` is True for signals of
    the state at the start, which may have been seen before.
    """

    message: Signal | Heartbeat | Notice
    partition: int
    next_offset: int
    current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """The sequence of a partition doesn't go on as it should: ask before trading on.

    Messages ``expected`` … ``found`` - 1 are missing; ``found`` below ``expected`` means that it began anew.
    """

    partition: int
    expected: int
    found: int

    def __str__(self) -> str:
        if self.found > self.expected:
            return f"partition {self.partition}: messages {self.expected} … {self.found - 1} are missing"
        return f"partition {self.partition}: message {self.expected} should come, the sequence goes on at {self.found}"


class SignalSubscriber(Subscription[Update | Gap]):
    """Reads ``signals`` as ``read_committed``.

    ``start="current"`` first yields the latest signal of each (strategy, symbol, interval) of the last ``lookback_s``
    seconds, marked ``current``, then what comes. A mapping partition → next offset resumes exactly there; partitions
    that it doesn't name are read from the beginning, so store ``positions`` once before the first message. Signals
    come once; a reader that acts on them still stores ``signal_id`` with the action, because it may itself die in
    between.

        for update in SignalSubscriber():
            if isinstance(update, Update) and isinstance(update.message, Signal):
                trade(update.message)
    """

    def __init__(
        self,
        *,
        start: Start | str = "current",
        settings: Settings | None = None,
        lookback_s: float = DAY_S,
    ) -> None:
        resolved = settings or load_settings()
        topic = TopicNames(resolved.topics.prefix).signals
        place = "recent" if start == "current" else start
        super().__init__(TopicFollower(resolved, topic, place, lookback_s))
        self._behind = set(self._follower.starts) if start == "current" else set()
        self._state: dict[tuple[str, str, str], Update] = {}
        self._seq: dict[int, int] = {}

    def _take(self, taken: Taken, found: list[Update | Gap]) -> None:
        partition = taken.partition
        if taken.at_end:
            self._hand_over_state(partition, found)
            return
        message = _decoded(taken)
        if not isinstance(message, Signal | Heartbeat | Notice):
            return
        seq = message.seq
        expected = self._seq.get(partition, seq)
        if seq != expected:
            found.append(Gap(partition=partition, expected=expected, found=seq))
        self._seq[partition] = seq + 1
        update = Update(
            message=message, partition=partition, next_offset=taken.offset + 1, current=partition in self._behind
        )
        if not update.current:
            self.positions[partition] = update.next_offset
            found.append(update)
        elif isinstance(message, Signal):
            key = message.strategy, message.symbol, message.interval
            self._state.pop(key, None)  # so that the latest comes last
            self._state[key] = update

    def _hand_over_state(self, partition: int, found: list[Update | Gap]) -> None:
        """Add the state of a partition, oldest first, once all that was there at the start is read."""
        if partition not in self._behind:
            return
        self._behind.discard(partition)
        for key in [key for key, update in self._state.items() if update.partition == partition]:
            update = self._state.pop(key)
            self.positions[partition] = update.next_offset
            found.append(update)


def _decoded(taken: Taken) -> Message:
    # What is a signal's MessagePack byte for byte can't be JSON: the header is read for everything else.
    signal = None if taken.value is None else decode_signal(taken.value)
    return decode_any(taken.value, taken.content_type()) if signal is None else signal
