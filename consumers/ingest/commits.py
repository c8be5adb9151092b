"""Commits of the ingest: what is acknowledged, and not more often than needed."""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from consumers.ingest.position import Place, Position
from infra.broker.errors import BrokerError
from infra.broker.settling import passes
from infra.telemetry.health import Health
from infra.telemetry.logs import get_logger


class Commits:
    """Positions on their way into the group's offsets: ``sent``, then ``acknowledged``, then committed.

    ``committed``: those that are there already.
    """

    def __init__(
        self, consumer: Any, topic_ids: Mapping[str, str], every_s: float, health: Health,
        committed: Mapping[Place, Position],
    ) -> None:  # fmt: skip
        self._consumer, self._topic_ids = consumer, topic_ids
        self._every, self._health = every_s, health
        self._at = 0.0
        self._sent: Mapping[Place, Position] | None = None
        self._done: Mapping[Place, Position] = {}
        self._committed = dict(committed)

    @property
    def waiting(self) -> bool:
        """True if something was sent of which it isn't known that it was acknowledged."""
        return self._sent is not None

    def sent(self, positions: Mapping[Place, Position]) -> None:
        """Note up to where everything has been sent."""
        self._sent = positions

    def acknowledged(self) -> None:
        """Note that all that was sent is acknowledged."""
        if self._sent is not None:
            self._done, self._sent = self._sent, None

    def commit(self, force: bool = False) -> None:
        """Commit what is acknowledged. Raises BrokerError if that is refused; Kafka away is left to a later call."""
        now = time.monotonic()
        if not force and now - self._at < self._every:
            return
        self._at = now
        news = {place: position for place, position in self._done.items() if self._committed.get(place) != position}
        if not news:
            return
        try:
            offsets = [
                TopicPartition(topic, partition, position.offset, position.metadata(self._topic_ids[topic]))
                for (topic, partition), position in news.items()
            ]
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if not passes(error.args[0]):
                raise BrokerError(f"offsets of the ingest can't be committed: {error.args[0].str()}") from error
            get_logger().warning("kafka_retry", reason=error.args[0].str())
            return  # tried again in a later round; until then a restart repeats more
        self._committed.update(news)
        for (topic, partition), position in news.items():
            self._health.progress(topic, partition, position.offset, 0)
