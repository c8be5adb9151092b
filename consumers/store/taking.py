"""Taking partitions: a new epoch, the checks of the topic, and the offset to read on from."""

from collections.abc import Mapping, Sequence

from confluent_kafka import TopicPartition

from consumers.store.sorting import Owned
from infra.settings import Settings
from infra.warehouse.checkpoints import take_epoch
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.round_writer import Place
from infra.warehouse.store_rounds import SERVICE
from infra.warehouse.topic_checks import verify_topic
from infra.warehouse.topic_states import topic_states


def take_partitions(settings: Settings, group: str, places: Sequence[Place]) -> dict[Place, Owned]:
    """Take all `places` in one transaction, so that either all or none are ours.

    Raises TopicMismatch with the repair command, MissingCheckpoint, BrokerError, WarehouseUnavailable.
    """
    states = topic_states(settings, group, sorted({topic for topic, _ in places}))

    def take(connection: Connection) -> dict[Place, Owned]:
        taken = {}
        for topic, partition in sorted(places):
            checkpoint = take_epoch(connection, SERVICE, topic, partition)
            verify_topic(checkpoint, states[topic, partition], resume=checkpoint.effect_offset)
            taken[topic, partition] = Owned(
                epoch=checkpoint.epoch, next_offset=checkpoint.effect_offset, generation=checkpoint.generation
            )
        return taken

    with Warehouse(settings, "signaltape-store-assignment") as warehouse:
        return warehouse.run(take)


def assignment(owned: Mapping[Place, Owned]) -> list[TopicPartition]:
    """The partitions with the offsets to read on from: those in the warehouse, not those in Kafka."""
    return [TopicPartition(topic, partition, one.next_offset) for (topic, partition), one in sorted(owned.items())]
