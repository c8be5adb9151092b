"""What the broker says of topics, in the form that checkpoints are compared with."""

from collections.abc import Sequence

from infra.broker.admin import all_offsets, group_offsets, topic_ids
from infra.settings import Settings
from infra.warehouse.round_writer import Place
from infra.warehouse.topic_checks import TopicState


def topic_states(settings: Settings, group: str, topics: Sequence[str]) -> dict[Place, TopicState]:
    """Every partition of `topics` as it is now, and where Kafka has the group. Raises BrokerError, TopicError."""
    ids = topic_ids(settings, list(topics))
    found = {}
    for topic, bounds in all_offsets(settings, list(topics)).items():
        committed = group_offsets(settings, group, topic, len(bounds))
        for partition, (low, high) in bounds.items():
            place = committed[partition]
            found[topic, partition] = TopicState(
                topic_id=ids[topic], low=low, high=high, committed=None if place is None else place[0]
            )
    return found
