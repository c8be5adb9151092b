"""Waiting until what was committed to a topic can be read there."""

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from infra.broker.admin import admin_client
from infra.broker.errors import BrokerError
from infra.broker.permissions import reason_of
from infra.broker.settling import settle
from infra.settings import Settings

#: Longer than a broker takes to abort the transaction of a producer that died.
_DEADLINE_S = 60.0
_REQUEST_S = 30.0
_RETRY_EVERY_S = 0.05
#: Topic and partition.
Place = tuple[str, int]


def wait_stable(settings: Settings, topic: str, partitions: Iterable[int]) -> None:
    """Return when no transaction is under way on the partitions; raises ``BrokerError`` after a minute.

    A commit is acknowledged before its markers are written, to each partition on its own: offsets can be there while
    the messages that belong to them are not readable yet.
    """
    admin, places = admin_client(settings), [(topic, partition) for partition in partitions]
    end = time.monotonic() + _DEADLINE_S
    while waiting := _under_way(admin, places):
        if time.monotonic() >= end:
            found = [partition for _, partition in waiting]
            raise BrokerError(
                f"{topic}: a transaction on partitions {found} does not end; does its writer still run? If not, "
                f"`kafka-transactions.sh --bootstrap-server {settings.kafka.bootstrap_servers} find-hanging --topic "
                f"{topic}` names it, and its `abort` ends it"
            )
        time.sleep(_RETRY_EVERY_S)


def under_way(settings: Settings, places: Iterable[Place]) -> list[Place]:
    """Return those of the places on which a transaction has no marker of its end yet. Raises ``BrokerError``."""
    return _under_way(admin_client(settings), places)


def _under_way(admin: AdminClient, places: Iterable[Place]) -> list[Place]:
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(*place): latest for place in places}

    def ends(isolation: IsolationLevel) -> dict[Any, Any]:
        return settle(lambda: admin.list_offsets(asked, request_timeout=_REQUEST_S, isolation_level=isolation))

    try:
        high, stable = ends(IsolationLevel.READ_UNCOMMITTED), ends(IsolationLevel.READ_COMMITTED)
    except KafkaException as error:
        topics = ", ".join(sorted({place.topic for place in asked}))
        raise BrokerError(f"offsets of {topics}: {reason_of(error.args[0])}") from error
    return sorted((one.topic, one.partition) for one in asked if stable[one].offset < high[one].offset)
