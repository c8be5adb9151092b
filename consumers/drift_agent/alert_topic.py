"""Publishing alerts in transactions, so that every alert is on its topic once."""

from collections.abc import Callable, Sequence
from typing import Literal

from confluent_kafka import KafkaException, Producer

from infra.broker.config import transactional_producer_config
from infra.broker.errors import BrokerError, PublishError
from infra.broker.left_transactions import end_left_transactions
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.alerts import Alert
from schemas.codec import encode, encode_json
from schemas.headers import JSON, MSGPACK, event_headers
from schemas.topics import TopicNames

_TIMEOUT_S = 10.0


class AlertsUnavailable(BrokerError):
    """Kafka did not take the alerts for now; calling again goes on where this call stopped."""


class AlertTopic:
    """Writes ``alerts``: one transaction for each call, resumed by the next call where Kafka was away.

    The transactional id is the same for every process, so ``start`` ends whatever a predecessor had under way: after
    it, what ``published`` reads is final.
    """

    def __init__(self, settings: Settings, form: Literal["msgpack", "json"]) -> None:
        self._settings = settings
        self._topic = TopicNames(settings.topics.prefix).alerts
        self._json = form == "json"
        name = f"{settings.topics.prefix}signaltape-drift"
        self._name = name
        self._producer = Producer(transactional_producer_config(settings, name))
        self._phase = "none"

    def start(self) -> None:
        """Fence predecessors. Raises AlertsUnavailable while Kafka is away."""
        self._attempt(lambda: self._producer.init_transactions(_TIMEOUT_S))
        try:
            end_left_transactions(self._settings, self._name, (self._topic,))
        except (KafkaException, BrokerError) as error:
            raise AlertsUnavailable(f"alerts wait for Kafka: {error}") from error

    def published(self) -> set[str]:
        """Return the ids of all alerts on the topic. Raises AlertsUnavailable while Kafka is away."""
        try:
            records = list(read_topic(self._settings, self._topic))
        except (KafkaException, BrokerError) as error:
            raise AlertsUnavailable(f"alerts can't be read back: {error}") from error
        return {(dict(record.headers).get("ce_id") or b"").decode() for record in records}

    def publish(self, alerts: Sequence[Alert]) -> None:
        """Publish the alerts together; after AlertsUnavailable, call again with the same ones.

        Raises PublishError where the producer can't go on (it was fenced by a successor, for example).
        """
        if self._phase == "sent":  # it is unknown whether the commit arrived: only asking again tells
            self._commit()
            return
        self._abort()
        self._attempt(self._producer.begin_transaction)
        self._phase = "begun"
        self._attempt(lambda: self._produce(alerts))
        self._phase = "sent"
        self._commit()

    def _produce(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            value = encode_json(alert) if self._json else encode(alert)
            kind = JSON if self._json else MSGPACK
            headers: list[tuple[str, str | bytes | None]] = [
                *event_headers(alert.TYPE, alert.alert_id, "drift", alert.event_time, kind)
            ]
            self._producer.produce(self._topic, value, alert.subject.encode(), 0, headers=headers)

    def _commit(self) -> None:
        self._attempt(lambda: self._producer.commit_transaction(_TIMEOUT_S))
        self._phase = "none"

    def _abort(self) -> None:
        if self._phase != "none":
            self._attempt(lambda: self._producer.abort_transaction(_TIMEOUT_S))
            self._phase = "none"

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except KafkaException as error:
            reason = error.args[0]
            if reason.txn_requires_abort():
                self._phase = "begun"
            elif reason.fatal() or not reason.retriable():
                raise PublishError(f"alerts can't be published: {reason.str()}; a restart goes on") from error
            raise AlertsUnavailable(f"alerts wait for Kafka: {reason.str()}") from error
