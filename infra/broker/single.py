"""One message, acknowledged, and the offset that it got."""

from typing import Any

from confluent_kafka import Producer

from infra.broker.config import common_config
from infra.broker.errors import PublishError
from infra.settings import Settings
from schemas.headers import Headers


def publish_one(settings: Settings, topic: str, value: bytes, *, key: bytes | None, headers: Headers) -> int:
    """Write one message to partition 0 of ``topic`` and return its offset.

    It is sent once: what fails is left to the caller, so that nothing is written twice. Raises PublishError; it says so
    where the message may have been written all the same.
    """
    found: dict[str, Any] = {}

    def delivered(error: Any, message: Any) -> None:
        found.update(error=error, offset=message.offset())

    # No idempotent producer: its first message waits up to a second for the producer's number.
    once = {"acks": "all", "message.send.max.retries": 0, "message.timeout.ms": 15_000, "linger.ms": 0}
    producer = Producer(common_config(settings, "single") | once)
    produce: Any = producer.produce
    produce(topic, value, key, 0, delivered, headers=list(headers))
    producer.flush(20.0)
    if not found:
        raise PublishError(f"{topic}: no answer from the broker; the message may have been written, or still be")
    if found["error"] is not None:
        raise PublishError(f"{topic}: {found['error'].str()}; the message may have been written all the same")
    return int(found["offset"])
