"""Taking the topic: a new epoch, the check that it is the one that the checkpoint knows, and where to read on."""

from dataclasses import dataclass, replace

from infra.settings import Settings
from infra.warehouse.checkpoints import take_epoch
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.topic_checks import verify_topic
from infra.warehouse.topic_states import topic_states
from schemas.topics import TopicNames


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The epoch under which this process writes, and the offset that comes next."""

    epoch: int
    next_offset: int

    def after(self, offset: int) -> "Taken":
        """The same once the record at ``offset`` is done."""
        return replace(self, next_offset=offset + 1)


def take_alerts(settings: Settings, group: str) -> Taken:
    """Take the one partition of ``alerts``.

    Raises TopicMismatch with the repair command, MissingCheckpoint, BrokerError, WarehouseUnavailable.
    """
    topic = TopicNames(settings.topics.prefix).alerts
    state = topic_states(settings, group, [topic])[topic, 0]

    def take(connection: Connection) -> Taken:
        checkpoint = take_epoch(connection, "responder", topic, 0)
        verify_topic(checkpoint, state, resume=checkpoint.effect_offset)
        return Taken(epoch=checkpoint.epoch, next_offset=checkpoint.effect_offset)

    with Warehouse(settings, "signaltape-responder-assignment") as warehouse:
        return warehouse.run(take)
