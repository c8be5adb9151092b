"""Publishing with acknowledgement: what was sent is known to be there, or nothing more is sent."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaException, Producer

from infra.broker.config import idempotent_producer_config
from infra.broker.errors import PublishError
from infra.broker.permissions import reason_of
from infra.settings import Settings

_POLL_EVERY = 256


class Publisher:
    """An idempotent producer that can wait for everything sent so far.

    A failed delivery poisons it: every later call raises ``PublishError``, so that nothing is sent behind a hole, and
    what waited to be sent is dropped: nothing comes later that was given up on. What was under way to the broker may
    have arrived. The owner ends its process then and starts again from what was acknowledged.
    """

    def __init__(self, settings: Settings, client_id: str, *, linger_ms: int = 1) -> None:
        """``linger_ms``: how long a message waits for others; ``flush_acknowledged`` doesn't wait for it."""
        config = {"linger.ms": linger_ms, "delivery.report.only.error": True}
        self._producer = Producer(idempotent_producer_config(settings, client_id) | config)
        self._failure: str | None = None
        self._since_poll = 0

    def send(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] | None = None,
    ) -> None:
        """Hand one message over; waits only while the send queue is full. Raises ``PublishError`` once poisoned."""
        self._raise_failure()
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, self._delivered, headers=list(headers) if headers else None
                )
                break
            except BufferError:
                self._served(lambda: self._producer.poll(0.05))
                self._raise_failure()
            except KafkaException as error:
                self._fail(f"{topic}[{partition}]: {reason_of(error.args[0])}")
        self._since_poll += 1
        if self._since_poll >= _POLL_EVERY:
            self._served(lambda: self._producer.poll(0))
            self._since_poll = 0

    def flush_acknowledged(self, deadline_s: float = 60.0) -> None:
        """Return when the broker has acknowledged everything sent. Raises ``PublishError`` otherwise."""
        left = self._served(lambda: self._producer.flush(deadline_s))
        self._raise_failure()
        if left:
            self._fail(f"{left} messages were not acknowledged within {deadline_s:g} s; is Kafka reachable?")

    def hear(self) -> None:
        """Take in what the broker has answered, without waiting. Raises ``PublishError`` once poisoned."""
        self._served(lambda: self._producer.poll(0))
        self._raise_failure()

    def _served(self, call: Callable[[], int]) -> int:
        """Return what a call that serves reports returns; what is fatal for the producer comes out of it.

        A report that is served together with that is called with the exception already raised: its first call fails.
        """
        try:
            return call()
        except (KafkaException, SystemError) as error:
            cause = error if isinstance(error, KafkaException) else error.__cause__
            if not isinstance(cause, KafkaException):
                raise
            self._failure = self._failure or reason_of(cause.args[0])
            self._drop_the_rest()
            raise PublishError(f"a message was not delivered: {self._failure}") from error

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None and self._failure is None:
            self._failure = f"{message.topic()}[{message.partition()}]: {reason_of(error)}"

    def _fail(self, reason: str) -> None:
        self._failure = self._failure or reason
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            self._drop_the_rest()
            raise PublishError(f"a message was not delivered: {self._failure}")

    def _drop_the_rest(self) -> None:
        """Drop what waits and serve its reports: each holds the client, which would live on with its threads."""
        with contextlib.suppress(KafkaException, SystemError):  # what is fatal is known already
            self._producer.purge()  # returns at once: in confluent-kafka 2.16 ``blocking`` means the contrary
            self._producer.flush(1.0)
