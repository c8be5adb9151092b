"""The newest of ``signals``, followed while somebody looks: a ring that pages are filled from.

What comes is numbered, without a gap, within an *epoch*. A page that has seen everything up to a number asks for what
follows it; if the epoch is another one or its number has left the ring, it knows that it must read anew. So nothing is
missing from a tape without the page knowing. The follower begins some thousand messages before the end of each
partition, so that what the store hasn't taken yet is there too; it ends when nobody has asked for a while.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from infra.broker.admin import low_high_offsets
from infra.errors import OperatorError
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from schemas.signals import Heartbeat, Notice, Signal
from schemas.topics import TopicNames
from signaltape.client.signals import Gap, SignalSubscriber, Update

#: Signals and notices that are kept: four bursts of five thousand symbols.
KEPT = 20_000
#: Messages of each partition that are read at the beginning, heartbeats and markers of transactions among them.
_TAIL = 4_000
_IDLE_S, _RETRY_S = 20.0, 1.0

Item = Signal | Notice


@dataclass(frozen=True, slots=True)
class Piece:
    """Items ``first`` … ``last`` of an epoch (last < first: none); ``left``: how many more there are behind them."""

    epoch: str
    first: int
    last: int
    items: tuple[Item, ...]
    left: int


class SignalTape:
    """The ring, and the thread that fills it. Every method is safe from any thread.

    ``away`` says why Kafka is not there, "" if it is: who only follows is told nothing of it, nothing comes.
    """

    def __init__(
        self,
        settings: Settings,
        away: Callable[[], str] = lambda: "",
        *,
        kept: int = KEPT,
        tail: int = _TAIL,
        idle_s: float = _IDLE_S,
    ) -> None:
        self._settings, self._away, self._tail, self._idle_s = settings, away, tail, idle_s
        self._lock = threading.Lock()
        self._ring: deque[Item] = deque(maxlen=kept)
        self._last = 0
        self._epoch = secrets.token_hex(6)
        self._thread: threading.Thread | None = None
        self._touched = 0.0
        self._ended = False
        self._caught_up = threading.Event()
        self._fault = ""

    @property
    def fault(self) -> str:
        """Why nothing is followed now; "" while it is."""
        if fault := self._fault:
            return fault
        if away := self._away():
            return f"signals are not followed: {away}"
        return "" if self._caught_up.is_set() else "the newest messages of signals are still being read"

    def touch(self, wait_s: float = 0.0) -> None:
        """Somebody looks: follow, from now on; return once the tail is read, or after ``wait_s`` seconds."""
        with self._lock:
            self._touched = time.monotonic()
            if self._thread is None and not self._ended:
                self._caught_up.clear()
                self._thread = threading.Thread(target=self._run, name="signal-tape", daemon=True)
                self._thread.start()
        if wait_s:
            self._caught_up.wait(wait_s)

    def after(self, epoch: str, number: int, most: int) -> Piece:
        """Up to ``most`` items behind ``number`` of ``epoch``; where those aren't there, the newest of this epoch."""
        with self._lock:
            oldest = self._last - len(self._ring) + 1
            begin = number + 1 if epoch == self._epoch and oldest <= number + 1 <= self._last + 1 else oldest
            skipped = begin - oldest
            items = tuple(islice(self._ring, skipped, skipped + most))
            return Piece(self._epoch, begin, begin + len(items) - 1, items, len(self._ring) - skipped - len(items))

    def end(self) -> tuple[str, int]:
        """The epoch, and the number of the newest item."""
        with self._lock:
            return self._epoch, self._last

    def add(self, items: list[Item]) -> None:
        """Take what has come."""
        with self._lock:
            self._ring.extend(items)
            self._last += len(items)

    def _run(self) -> None:
        positions: dict[int, int] = {}
        while not self._leaves():
            try:
                with self._subscriber(positions) as subscriber:
                    self._fault = ""
                    self._follow(subscriber, positions)
            except OperatorError as error:
                self._fault = f"signals are not followed: {error}"
            except Exception:
                get_logger().exception("signal_tape_failed")
                self._fault = "signals are not followed: a fault of this program; see its log"
            if self._fault:  # what lay between may be gone: a new beginning, which pages notice
                positions.clear()
                self._begin_anew()
                self._caught_up.set()
                time.sleep(_RETRY_S)
                self._caught_up.clear()

    def _subscriber(self, positions: dict[int, int]) -> SignalSubscriber:
        bounds = low_high_offsets(self._settings, TopicNames(self._settings.topics.prefix).signals)
        starts = {p: positions.get(p, max(low, high - self._tail)) for p, (low, high) in bounds.items()}
        return SignalSubscriber(start=starts, settings=self._settings)

    def _follow(self, subscriber: SignalSubscriber, positions: dict[int, int]) -> None:
        while not self._is_idle():
            self.add([item for one in subscriber.poll(0.2) if (item := _item(one)) is not None])
            positions |= subscriber.positions
            if subscriber.caught_up and not self._caught_up.is_set():
                # What was read so far is not new: who shows it without the store's reads anew.
                with self._lock:
                    self._epoch = secrets.token_hex(6)
                self._caught_up.set()

    def close(self) -> None:
        """Follow no more."""
        self._ended = True
        thread = self._thread
        if thread is not None:
            thread.join(5.0)

    def _is_idle(self) -> bool:
        return self._ended or time.monotonic() - self._touched > self._idle_s

    def _leaves(self) -> bool:
        """True where nobody has asked for a while: the thread ends, and the next one begins anew."""
        with self._lock:
            if not self._is_idle():
                return False
            self._thread = None
            self._caught_up.clear()
            self._clear()
            return True

    def _begin_anew(self) -> None:
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._ring.clear()
        self._last = 0
        self._epoch = secrets.token_hex(6)


def _item(one: Update | Gap) -> Item | None:
    """What is shown of a message; a gap in the sequence is told like a notice."""
    if isinstance(one, Update):
        return None if isinstance(one.message, Heartbeat) else one.message
    return Notice(
        seq=one.found, partition=one.partition, kind="gap", event_time=time.time_ns(), strategy="", model="",
        symbols=(), control_offset=-1, detail=str(one),
    )  # fmt: skip
