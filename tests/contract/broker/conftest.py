"""Topics of a test's own on the real broker."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import NewTopic

from infra.broker.admin import admin_client
from infra.settings import Settings
from tests.support.waiting import wait_for

MakeTopic = Callable[..., str]


def described(admin: Any, topic: str) -> bool:
    """True once the broker describes the topic: one just made is known everywhere a moment later."""
    try:
        admin.describe_topics(TopicCollection([topic]))[topic].result(30)
    except KafkaException:
        return False
    return True


@pytest.fixture
def make_topic(settings: Settings) -> MakeTopic:
    """Makes a topic with this test's prefix; returns its full name."""

    def make(name: str, partitions: int = 1, **config: str) -> str:
        topic = f"{settings.topics.prefix}{name}"
        new = NewTopic(topic, partitions, 1, config={key.replace("_", "."): value for key, value in config.items()})
        admin = admin_client(settings)
        for future in admin.create_topics([new]).values():
            future.result(30)
        wait_for(lambda: described(admin, topic), 30, f"{topic} to be known")
        return topic

    return make
