"""How far consumer groups are and what waits for them, asked for all of them together and without joining any."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import ConfigResource, OffsetSpec  # type: ignore[attr-defined]

from infra.broker.admin import admin_client
from infra.broker.config import consumer_config
from infra.broker.errors import BrokerError
from infra.broker.settling import passes, until_answered
from infra.settings import Settings

Result = TypeVar("Result")
#: Topic and partition.
Place = tuple[str, int]

_REQUEST_S = 5.0
_READ_S = 3.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of a partition: the first offset that is there, and the one up to which committed messages can be read."""

    low: int
    end: int


@dataclass(frozen=True, slots=True)
class First:
    """The first message at or after an offset: its own offset, and its timestamp in ms since 1970."""

    offset: int
    timestamp_ms: int


class GroupWatch:
    """Clients that stay connected; every method raises BrokerError if Kafka doesn't answer in seconds.

    Committed offsets are asked for by consumers that never join their group, one for each group, because librdkafka
    2.16 ends the whole process where a broker that has just started answers an admin client's OffsetFetch.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = admin_client(settings)
        self._groups: dict[str, Consumer] = {}
        self._reader = Consumer(
            consumer_config(
                settings,
                "signaltape-monitor",
                **{
                    "enable.partition.eof": True,
                    "fetch.wait.max.ms": 10,
                    "fetch.message.max.bytes": 65_536,
                    "queued.min.messages": 1,
                    "queued.max.messages.kbytes": 16_384,
                },
            )
        )

    def partitions(self, topics: Iterable[str]) -> dict[str, int]:
        """Topic → number of partitions, of those that exist."""
        try:
            known: Any = self._admin.list_topics(timeout=_REQUEST_S).topics
        except KafkaException as error:
            raise _away("topics", error) from error
        return {name: len(known[name].partitions) for name in topics if name in known and known[name].partitions}

    def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """The bounds of every partition, in two requests for all of them."""
        asked = [TopicPartition(*place) for place in places]
        if not asked:
            return {}
        low = self._offsets(asked, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        end = self._offsets(asked, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {place: Bounds(low[place], end[place]) for place in low}

    def committed(self, group: str, places: Iterable[Place]) -> dict[Place, int]:
        """What the group has committed; places without a commit are left out."""
        consumer = self._groups.get(group)
        if consumer is None:
            consumer = self._groups[group] = Consumer(consumer_config(self._settings, group))
        asked = [TopicPartition(*place) for place in places]

        def ask() -> list[TopicPartition]:
            found = consumer.committed(asked, timeout=_REQUEST_S)
            for place in found:
                if place.error is not None:
                    raise KafkaException(place.error)
            return found

        found = _insist(f"offsets of group {group}", ask)
        return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}

    def first_from(self, starts: Mapping[Place, int]) -> dict[Place, First | None]:
        """The first message at or after each offset, None where none is there; who doesn't answer in time is left out.

        Ends of transactions and what was aborted take offsets and are no messages: offsets alone can't tell.
        """
        found: dict[Place, First | None] = {}
        refused: set[Place] = set()
        if not starts:
            return found
        # Nothing is paused on the way: a pause outlives its assignment. Little is fetched ahead by the settings above.
        self._reader.assign([TopicPartition(topic, partition, start) for (topic, partition), start in starts.items()])
        end = time.monotonic() + _READ_S
        try:
            while len(found) + len(refused) < len(starts) and (left := end - time.monotonic()) > 0:
                message = self._reader.poll(left)
                if message is not None:
                    self._note(message, found, refused)
        except KafkaException as error:
            raise _away("messages", error) from error
        finally:
            self._reader.unassign()
        return found

    def retention_s(self, topics: Iterable[str]) -> dict[str, float]:
        """Topic → how long its messages are kept, seconds; topics that keep them for ever are left out."""
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in topics]
        if not resources:
            return {}
        try:
            answers = self._admin.describe_configs(resources, request_timeout=_REQUEST_S)
            values = {resource.name: future.result()["retention.ms"].value for resource, future in answers.items()}
        except KafkaException as error:
            raise _away("settings of topics", error) from error
        return {name: int(value) / 1_000 for name, value in values.items() if int(value) >= 0}

    def close(self) -> None:
        """Release the clients."""
        for consumer in (*self._groups.values(), self._reader):
            consumer.close()

    def _offsets(self, asked: list[TopicPartition], spec: Any) -> dict[Place, int]:
        request = dict.fromkeys(asked, spec)

        def ask() -> dict[Place, int]:
            answers = self._admin.list_offsets(
                request, request_timeout=_REQUEST_S, isolation_level=IsolationLevel.READ_COMMITTED
            )
            return {(place.topic, place.partition): future.result().offset for place, future in answers.items()}

        return _insist("offsets", ask)

    def _note(self, message: Any, found: dict[Place, First | None], refused: set[Place]) -> None:
        place = (message.topic(), message.partition())
        error = message.error()
        if place in found:
            return
        if error is None:
            found[place] = First(message.offset(), message.timestamp()[1])
        elif error.code() == KafkaError._PARTITION_EOF:
            found[place] = None
        elif place[0] is not None and not passes(error):  # it expired a moment ago: the next look will tell
            refused.add(place)


def _insist(what: str, ask: Callable[[], Result]) -> Result:
    """Ask again while the answer is one that passes, for some seconds."""
    try:
        return until_answered(ask, _REQUEST_S, passes)
    except KafkaException as error:
        raise _away(what, error) from error


def _away(what: str, error: KafkaException) -> BrokerError:
    return BrokerError(f"{what}: {error.args[0].str()}")
