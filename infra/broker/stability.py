"""Waiting until what was committed to a topic can be read there."""

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from infra.broker.admin import admin_client
from infra.broker.errors import BrokerError
from infra.broker.settling import settle
from infra.settings import Settings

#: Longer than a broker takes to abort the transaction of a producer that died.
_DEADLINE_S = 60.0
_RETRY_EVERY_S = 0.05


def wait_stable(settings: Settings, topic: str, partitions: Iterable[int]) -> None:
    """Return when no transaction is under way on the partitions; raises ``BrokerError`` after a minute.

    A commit is acknowledged before its markers are written, to each partition on its own: offsets can be there while
    the messages that belong to them are not readable yet.
    """
    asked = list(partitions)
    end = time.monotonic() + _DEADLINE_S
    while waiting := under_way(settings, topic, asked):
        if time.monotonic() >= end:
            raise BrokerError(
                f"{topic}: a transaction on partitions {waiting} does not end; does its writer still run? If not, "
                f"`kafka-transactions.sh --bootstrap-server {settings.kafka.bootstrap_servers} find-hanging --topic "
                f"{topic}` names it, and its `abort` ends it"
            )
        time.sleep(_RETRY_EVERY_S)


def under_way(settings: Settings, topic: str, partitions: Iterable[int]) -> list[int]:
    """Return those of the partitions on which a transaction has no marker of its end yet. Raises ``BrokerError``."""
    admin = admin_client(settings)
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(topic, partition): latest for partition in partitions}

    def ends(isolation: IsolationLevel) -> dict[Any, Any]:
        return settle(lambda: admin.list_offsets(asked, request_timeout=_DEADLINE_S, isolation_level=isolation))

    try:
        high, stable = ends(IsolationLevel.READ_UNCOMMITTED), ends(IsolationLevel.READ_COMMITTED)
    except KafkaException as error:
        raise BrokerError(f"offsets of {topic}: {error.args[0].str()}") from error
    return sorted(place.partition for place in asked if stable[place].offset < high[place].offset)
