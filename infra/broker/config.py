"""librdkafka properties of every client, tuned for short, acknowledged sends. Security options come from settings."""

from typing import Any

from confluent_kafka import KafkaError

from infra.settings import Settings

_MAX_MESSAGE = 16 * 1024 * 1024
#: What a consumer reports when another process has taken its ``group.instance.id``: it never reads again. librdkafka
#: wraps the broker's answer into its own fatal error, whose ``fatal()`` is false where it comes as a message.
MEMBER_FENCED = (KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL)


def common_config(settings: Settings, client_id: str) -> dict[str, Any]:
    """Properties of every client."""
    return {
        "bootstrap.servers": settings.kafka.bootstrap_servers,
        "client.id": f"signaltape-{client_id}",
        "retry.backoff.ms": 5,
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 1_000,
        "socket.nagle.disable": True,
        "log_level": 3,
        **settings.kafka.options,
    }


def idempotent_producer_config(settings: Settings, client_id: str) -> dict[str, Any]:
    """A producer whose retries neither double nor reorder; sends at once, batching what is already there."""
    return common_config(settings, client_id) | {
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2",
        "linger.ms": 1,
        "message.max.bytes": _MAX_MESSAGE,
        "batch.size": 1_048_576,
        "batch.num.messages": 10_000,
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 262_144,
        "compression.type": "lz4",
        "delivery.timeout.ms": 60_000,
    }


def transactional_producer_config(settings: Settings, transactional_id: str) -> dict[str, Any]:
    """A producer for one transaction at a time; a stable id lets a successor take over in under a second."""
    return idempotent_producer_config(settings, transactional_id) | {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": 10_000,
        "delivery.timeout.ms": 10_000,
        "linger.ms": 0,
    }


def consumer_config(settings: Settings, group: str, **overrides: Any) -> dict[str, Any]:
    """A ``read_committed`` consumer that never commits by itself and never jumps when its offset is gone."""
    return common_config(settings, group) | {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 1_000,
        "fetch.wait.max.ms": 100,
        "fetch.queue.backoff.ms": 5,
        "fetch.error.backoff.ms": 20,
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 65_536,
        "fetch.message.max.bytes": _MAX_MESSAGE,
        "message.max.bytes": _MAX_MESSAGE,
        "topic.metadata.refresh.interval.ms": 30_000,
        **overrides,
    }
