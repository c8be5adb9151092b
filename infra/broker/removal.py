"""Removing the topics and consumer groups of a replay, and of nothing else."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from infra.broker.admin import admin_client
from infra.broker.errors import BrokerError
from infra.settings import Settings
from pipeline.replay.naming import require_prefix

_DEADLINE_S = 30.0
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.GROUP_ID_NOT_FOUND})


def topics_of(settings: Settings, prefix: str) -> list[str]:
    """The topics of a replay. Raises ``NotAReplayError`` for another prefix."""
    require_prefix(prefix)
    return sorted(name for name in admin_client(settings).list_topics(timeout=_DEADLINE_S).topics if _is(name, prefix))


def groups_of(settings: Settings, prefix: str) -> list[str]:
    """The consumer groups of a replay. Raises ``NotAReplayError`` for another prefix, ``BrokerError``."""
    require_prefix(prefix)
    admin = admin_client(settings)
    try:
        found: Any = admin.list_consumer_groups(request_timeout=_DEADLINE_S).result()
    except KafkaException as error:
        raise BrokerError(f"consumer groups can't be listed: {error.args[0].str()}") from error
    if found.errors:
        raise BrokerError(f"consumer groups can't be listed: {found.errors[0].args[0].str()}")
    return sorted(one.group_id for one in found.valid if _is(one.group_id, prefix))


def remove_groups(settings: Settings, prefix: str) -> int:
    """Remove a replay's groups with their offsets; return how many. Raises ``BrokerError`` for one with members."""
    names = groups_of(settings, prefix)
    admin = admin_client(settings)
    return _settled(names, lambda: admin.delete_consumer_groups(names, request_timeout=_DEADLINE_S), "group")


def remove_topics(settings: Settings, prefix: str) -> int:
    """Remove a replay's topics; return how many. Raises ``BrokerError`` for one that can't be removed."""
    names = topics_of(settings, prefix)
    admin = admin_client(settings)
    return _settled(names, lambda: admin.delete_topics(names, operation_timeout=_DEADLINE_S), "topic")


def _is(name: str, prefix: str) -> bool:
    return name.startswith(prefix)


def _settled(names: list[str], ask: Callable[[], Mapping[str, Future[Any]]], what: str) -> int:
    if not names:
        return 0
    removed = 0
    for name, future in ask().items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() in _GONE:
                continue
            raise BrokerError(f"{what} {name} can't be removed: {error.args[0].str()}") from error
        removed += 1
    return removed
