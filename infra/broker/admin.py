"""Topics and group offsets: created once, checked at each start, never overwritten."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
)

from infra.broker.config import common_config, consumer_config
from infra.broker.errors import BrokerError, TopicError
from infra.broker.handshake import checked_client
from infra.broker.permissions import reason_of, refuse_unpermitted
from infra.broker.settling import settle
from infra.settings import Settings
from schemas.topics import DEAD_LETTERED, TOPICS, TopicNames

_DEADLINE_S = 30.0
_MAX_MESSAGE = str(16 * 1024 * 1024)
_DLQ_RETENTION_MS = str(90 * 86_400_000)
#: A request for a group's coordinator is not answered at all once its two quick retries have failed, as they do on a
#: broker that has just started: so each attempt is short.
_ATTEMPT_S = 2.0
_RETRY_EVERY_S = 0.05
#: Partition → (low, high): first offset that is there, and the one that comes next.
Offsets = dict[int, tuple[int, int]]


def admin_client(settings: Settings) -> AdminClient:
    """A client for administration. Raises ``HandshakeRefused`` where TLS or SASL keeps it out."""
    return checked_client(settings, common_config(settings, "admin"))


def create_topics(settings: Settings) -> list[str]:
    """Create the topics of the table and their dead-letter topics that don't exist; return the names created.

    Raises ``TopicError`` where a topic exists with another number of partitions than the settings say.
    """
    admin, names = admin_client(settings), TopicNames(settings.topics.prefix)
    wanted = {}
    for topic in TOPICS:
        count = settings.topics.partitions if topic.partitioned else 1
        config = {"retention.ms": str(topic.retention_ms), "max.message.bytes": _MAX_MESSAGE}
        wanted[names.of(topic.name)] = NewTopic(names.of(topic.name), count, config=config)
    for name in DEAD_LETTERED:
        dlq = names.dlq(names.of(name))
        config = {"retention.ms": _DLQ_RETENTION_MS, "max.message.bytes": _MAX_MESSAGE}
        wanted[dlq] = NewTopic(dlq, 1, config=config)
    created = []
    for name, future in admin.create_topics(list(wanted.values()), request_timeout=_DEADLINE_S).items():
        if _settled(future, f"creating topic {name}", tolerate=KafkaError.TOPIC_ALREADY_EXISTS):
            created.append(name)
    _wait_until_known(admin, created)
    check_partitions(settings)
    return sorted(created)


def check_partitions(settings: Settings) -> None:
    """Raise ``TopicError`` if a topic is missing or has another number of partitions than the settings say."""
    names = TopicNames(settings.topics.prefix)
    expected = {names.of(topic.name): settings.topics.partitions if topic.partitioned else 1 for topic in TOPICS}
    found = _describe(settings, list(expected))
    for name, count in expected.items():
        if len(found[name].partitions) != count:
            raise TopicError(
                f"topic {name} has {len(found[name].partitions)} partitions, the setting topics.partitions says"
                f" {count}: symbols would land elsewhere. Set topics.partitions to the topic's number, or use"
                " another prefix"
            )


def topic_id(settings: Settings, topic: str) -> str:
    """Return the id that the broker gave the topic; a topic that is deleted and made anew has another one."""
    return str(_describe(settings, [topic])[topic].topic_id)


def topic_ids(settings: Settings, topics: list[str]) -> dict[str, str]:
    """Return the broker's id of each topic."""
    return {name: str(description.topic_id) for name, description in _describe(settings, topics).items()}


def low_high_offsets(settings: Settings, topic: str) -> Offsets:
    """Return each partition's first and next offset (next: transaction markers and open transactions included)."""
    return all_offsets(settings, [topic])[topic]


def all_offsets(settings: Settings, topics: list[str]) -> dict[str, Offsets]:
    """Return the same for several topics at once."""
    admin = admin_client(settings)
    places = [
        TopicPartition(name, partition.id)
        for name, description in _describe_with(admin, topics).items()
        for partition in description.partitions
    ]
    low = _list_offsets(admin, places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
    high = _list_offsets(admin, places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    found: dict[str, Offsets] = {topic: {} for topic in topics}
    for place in places:
        key = (place.topic, place.partition)
        found[place.topic][place.partition] = (low[key], high[key])
    return found


def group_offsets(settings: Settings, group: str, topic: str, partitions: int) -> dict[int, tuple[int, str] | None]:
    """Return partition → (committed offset, metadata), None where the group has committed nothing.

    Waits for a transaction that is being committed: until its markers are written, the offset before it would come.
    """
    asked = [TopicPartition(topic, p) for p in range(partitions)]
    # A consumer that never joins, not an admin client: librdkafka 2.16 ends the whole process (SIGSEGV in
    # rd_kafka_cgrp_op) where a broker that has just started answers an admin client's OffsetFetch by NOT_COORDINATOR.
    consumer = Consumer(consumer_config(settings, group))

    def ask() -> dict[str, Future[list[TopicPartition]]]:
        answer: Future[list[TopicPartition]] = Future()
        answer.set_result(consumer.committed(asked, timeout=_ATTEMPT_S))
        return {group: answer}

    try:
        found = settle(ask, lambda answers: [place.error for place in answers[group] if place.error is not None])[group]
    except KafkaException as error:
        raise BrokerError(f"offsets of group {group}: {reason_of(error.args[0])}") from error
    finally:
        consumer.close()
    return {
        place.partition: None if place.offset == OFFSET_INVALID else (place.offset, place.metadata or "")
        for place in found
    }


def set_group_offsets(settings: Settings, group: str, offsets: Mapping[tuple[str, int], tuple[int, str]]) -> None:
    """Commit (topic, partition) → (offset, metadata) for a group without members. Raises ``BrokerError`` otherwise."""
    places = [TopicPartition(topic, p, offset, metadata) for (topic, p), (offset, metadata) in offsets.items()]
    request = [ConsumerGroupTopicPartitions(group, places)]
    admin, refused = admin_client(settings), [""]

    def errors_in(answers: Mapping[str, Any]) -> list[KafkaError]:
        places = [place for place in answers[group].topic_partitions if place.error is not None]
        refused[:] = [f" on {place.topic}[{place.partition}]" for place in places]
        return [place.error for place in places]

    try:
        settle(lambda: admin.alter_consumer_group_offsets(request, request_timeout=_ATTEMPT_S), errors_in)
    except KafkaException as error:
        raise BrokerError(
            f"offsets of group {group}{refused[0]} can't be set ({error.args[0].str()}); stop its members first"
        ) from error


def ensure_group_offsets(settings: Settings, group: str, offsets: Mapping[tuple[str, int], tuple[int, str]]) -> int:
    """Commit those of ``offsets`` for which the group has none yet; return how many that were."""
    missing = {}
    for topic in {topic for topic, _ in offsets}:
        highest = max(p for name, p in offsets if name == topic) + 1
        known = group_offsets(settings, group, topic, highest)
        missing.update({k: v for k, v in offsets.items() if k[0] == topic and known.get(k[1]) is None})
    if missing:
        set_group_offsets(settings, group, missing)
    return len(missing)


def broker_setting(settings: Settings, name: str) -> str | None:
    """Return a setting of the broker that holds the cluster's first node, None if it has no such setting."""
    admin = admin_client(settings)
    nodes = admin.list_topics(timeout=_DEADLINE_S).brokers
    resource = ConfigResource(ConfigResource.Type.BROKER, str(min(nodes)))
    entries: Any = admin.describe_configs([resource], request_timeout=_DEADLINE_S)[resource].result()
    entry = entries.get(name)
    return None if entry is None else str(entry.value)


def _describe(settings: Settings, topics: list[str]) -> dict[str, Any]:
    admin = admin_client(settings)  # must live until the futures are settled
    return _describe_with(admin, topics)


def _describe_with(admin: AdminClient, topics: list[str]) -> dict[str, Any]:
    futures = admin.describe_topics(TopicCollection(topics), request_timeout=_DEADLINE_S)
    found = {}
    for name, future in futures.items():
        try:
            found[name] = future.result()
        except KafkaException as error:
            refuse_unpermitted(error.args[0], f"topic {name}")
            raise TopicError(
                f"topic {name}: {error.args[0].str()}; run `signaltape init`, or check the prefix setting"
            ) from error
    return found


def _list_offsets(admin: AdminClient, places: list[TopicPartition], spec: Any) -> dict[tuple[str, int], int]:
    asked = dict.fromkeys(places, spec)
    try:
        found = settle(lambda: admin.list_offsets(asked, request_timeout=_DEADLINE_S))
    except KafkaException as error:
        names = ", ".join(sorted({place.topic for place in places}))
        raise BrokerError(f"offsets of {names}: {reason_of(error.args[0])}") from error
    return {(place.topic, place.partition): answer.offset for place, answer in found.items()}


def _settled(future: Any, what: str, tolerate: int) -> bool:
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].code() == tolerate:
            return False
        raise BrokerError(f"{what}: {reason_of(error.args[0])}") from error
    return True


def _wait_until_known(admin: AdminClient, topics: list[str]) -> None:
    """Return when the broker describes all ``topics``: one just made is known everywhere a moment later."""
    end = time.monotonic() + _DEADLINE_S
    while topics:
        try:
            _describe_with(admin, topics)
            return
        except TopicError:
            if time.monotonic() >= end:
                raise
        time.sleep(_RETRY_EVERY_S)
