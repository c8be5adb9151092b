"""Topics and group offsets through the admin client."""

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from infra.broker.admin import (
    admin_client,
    broker_setting,
    ensure_group_offsets,
    group_offsets,
    low_high_offsets,
    set_group_offsets,
    topic_id,
)
from infra.broker.config import consumer_config, transactional_producer_config
from infra.broker.errors import BrokerError, TopicError
from infra.settings import Settings
from tests.support.waiting import wait_for

MakeTopic = Callable[..., str]


def test_offsets_and_their_metadata_come_back(settings: Settings, make_topic: MakeTopic) -> None:
    topic, group = make_topic("offsets", 3), f"{settings.topics.prefix}group"
    assert group_offsets(settings, group, topic, 3) == {0: None, 1: None, 2: None}
    set_group_offsets(settings, group, {(topic, 0): (0, ""), (topic, 2): (7, "m" * 4_000)})
    assert group_offsets(settings, group, topic, 3) == {0: (0, ""), 1: None, 2: (7, "m" * 4_000)}


def test_only_missing_offsets_are_made(settings: Settings, make_topic: MakeTopic) -> None:
    topic, group = make_topic("ensure", 2), f"{settings.topics.prefix}group"
    set_group_offsets(settings, group, {(topic, 0): (5, "own")})
    assert ensure_group_offsets(settings, group, {(topic, 0): (0, "new"), (topic, 1): (0, "new")}) == 1
    assert group_offsets(settings, group, topic, 2) == {0: (5, "own"), 1: (0, "new")}
    assert ensure_group_offsets(settings, group, {(topic, 0): (0, "new"), (topic, 1): (0, "new")}) == 0


def test_metadata_of_a_transaction_is_read_by_the_next_owner(settings: Settings, make_topic: MakeTopic) -> None:
    topic, group = make_topic("metadata"), f"{settings.topics.prefix}group"
    producer = Producer(transactional_producer_config(settings, group))
    producer.init_transactions(30)
    consumer = Consumer(consumer_config(settings, group))
    consumer.assign([TopicPartition(topic, 0, 0)])
    producer.begin_transaction()
    place = TopicPartition(topic, 0, 3, "state " * 600)
    producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata(), 30)
    producer.commit_transaction(30)
    consumer.close()
    assert group_offsets(settings, group, topic, 1) == {0: (3, "state " * 600)}


def test_offsets_of_a_group_with_members_are_not_set(settings: Settings, make_topic: MakeTopic) -> None:
    topic, group = make_topic("members"), f"{settings.topics.prefix}group"
    set_group_offsets(settings, group, {(topic, 0): (0, "")})
    consumer = Consumer(consumer_config(settings, group))
    consumer.subscribe([topic])
    try:
        wait_for(lambda: consumer.poll(0.1) or consumer.assignment(), 30, "the member to join")
        with pytest.raises(BrokerError, match="stop its members first"):
            set_group_offsets(settings, group, {(topic, 0): (9, "")})
    finally:
        consumer.close()
    assert group_offsets(settings, group, topic, 1) == {0: (0, "")}


def test_a_group_without_offsets_gets_an_error_and_no_messages(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("fresh")
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers})
    producer.produce(topic, b"old")
    assert producer.flush(30) == 0
    consumer = Consumer(consumer_config(settings, f"{settings.topics.prefix}fresh"))
    consumer.subscribe([topic])
    try:
        message = wait_for(lambda: consumer.poll(0.5), 30, "an answer")
    finally:
        consumer.close()
    assert message.error().code() == KafkaError._AUTO_OFFSET_RESET


def test_a_recreated_topic_has_another_id(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("again")
    before = topic_id(settings, topic)
    assert topic_id(settings, topic) == before
    admin = admin_client(settings)
    for future in admin.delete_topics([topic]).values():
        future.result(30)
    wait_for(lambda: topic not in admin.list_topics().topics, 30, "the topic to go")
    make_topic("again")
    assert topic_id(settings, topic) != before
    assert low_high_offsets(settings, topic) == {0: (0, 0)}


def test_a_missing_topic_is_named(settings: Settings) -> None:
    with pytest.raises(TopicError, match=r"nowhere.*signaltape init"):
        topic_id(settings, f"{settings.topics.prefix}nowhere")


def test_settings_of_the_broker_are_read(settings: Settings) -> None:
    assert int(broker_setting(settings, "offsets.retention.minutes") or 0) >= 365 * 24 * 60
    assert broker_setting(settings, "no.such.setting") is None
