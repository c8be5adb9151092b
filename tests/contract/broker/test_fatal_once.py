"""What a consumer reports once another one has taken its member id: one message, and never again a word."""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition

from infra.broker.admin import set_group_offsets
from infra.broker.config import MEMBER_FENCED, consumer_config
from infra.settings import Settings
from tests.support.waiting import wait_for

MakeTopic = Callable[..., str]


def test_a_fatal_error_comes_once_and_as_a_message(settings: Settings, make_topic: MakeTopic) -> None:
    topic, group = make_topic("fatal"), f"{settings.topics.prefix}fatal"
    set_group_offsets(settings, group, {(topic, 0): (0, "")})
    config = consumer_config(settings, group, **{"group.instance.id": "taken"})
    first, second = Consumer(config), Consumer(config)
    found = []

    def fenced() -> bool:
        second.poll(0.05)
        if (message := first.poll(0.05)) is not None:
            found.append(message.error())
        return bool(found)

    first.subscribe([topic])
    wait_for(lambda: first.poll(0.1) or first.assignment(), 30, "the first to own the partition")
    second.subscribe([topic])
    wait_for(fenced, 30, "the first to be fenced")
    assert found[0].code() in MEMBER_FENCED
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        assert first.poll(0.1) is None
    assert first.assignment() == []
    first.committed([TopicPartition(topic, 0)], 30.0)  # it still answers: nothing but the message tells
    first.close()
    second.close()
