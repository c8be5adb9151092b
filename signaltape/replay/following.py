"""The signals of a replay as they come, in a thread beside it."""

import threading
import time
from collections.abc import Callable

from infra.errors import OperatorError
from infra.settings import Settings
from schemas.signals import Signal
from signaltape.client.signals import SignalSubscriber, Update

_POLL_S = 0.2


class SignalFollower:
    """Hands over each signal of a bar that closes at or after ``start``, in the order in which they come.

    Use as a context manager, once the topics are there.
    """

    def __init__(self, own: Settings, start: int, hear: Callable[[Signal], None]) -> None:
        self._subscriber = SignalSubscriber(start="beginning", settings=own)
        self._start, self._hear = start, hear
        self._seen = 0
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._follow, name="replay-signals", daemon=True)

    def wait_for(self, signals: int, deadline_s: float) -> None:
        """Return once so many signals of the whole replay have come. Raises what ended the thread."""
        end = time.monotonic() + deadline_s
        while self._seen < signals and self._failure is None:
            if time.monotonic() >= end:
                raise OperatorError(f"{self._seen} of {signals} signals have come in {deadline_s:g} s; is Kafka slow?")
            time.sleep(_POLL_S / 4)
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> "SignalFollower":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._subscriber.close()

    def _follow(self) -> None:
        try:
            while not self._stop.is_set():
                for update in self._subscriber.poll(_POLL_S):
                    if isinstance(update, Update) and isinstance(update.message, Signal):
                        if update.message.event_time >= self._start:
                            self._hear(update.message)
                        self._seen += 1
        except Exception as error:
            self._failure = error
