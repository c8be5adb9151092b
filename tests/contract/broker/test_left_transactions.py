"""Transactions without an owner are ended as the coordinator's log says; those of others are left alone."""

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from infra.broker.admin import group_offsets
from infra.broker.config import consumer_config, transactional_producer_config
from infra.broker.left_transactions import end_left_transactions
from infra.broker.reading import read_topic
from infra.broker.stability import wait_stable
from infra.settings import Settings

MakeTopic = Callable[..., str]


def _producer(settings: Settings, name: str) -> Producer:
    producer = Producer(transactional_producer_config(settings, name))
    producer.init_transactions(30)
    return producer


@pytest.mark.parametrize("commit", [True, False], ids=["commit", "abort"])
def test_ends_as_the_last_one_was_decided(settings: Settings, make_topic: MakeTopic, commit: bool) -> None:
    topic, name = make_topic("left", 3), f"{settings.topics.prefix}left"
    producer, consumer = _producer(settings, name), Consumer(consumer_config(settings, name))
    producer.begin_transaction()
    producer.produce(topic, b"first", partition=0)
    assert producer.flush(30) == 0
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)
    # Stands for a decided transaction whose markers were lost: its producer id's, open where none should be.
    producer.begin_transaction()
    for partition in range(3):
        producer.produce(topic, b"second", partition=partition)
    group = consumer.consumer_group_metadata()
    producer.send_offsets_to_transaction([TopicPartition(topic, 1, 7)], group, 30)
    assert producer.flush(30) == 0
    ended = end_left_transactions(settings, name, (topic,))
    assert sorted((one.topic, one.partition) for one in ended)[1:] == [(topic, 0), (topic, 1), (topic, 2)]
    assert ended[0].topic == "__consumer_offsets" or ended[-1].topic == "__consumer_offsets"
    wait_stable(settings, topic, range(3))
    expected = [b"first", b"second", b"second", b"second"] if commit else []
    assert sorted(record.value or b"" for record in read_topic(settings, topic)) == expected
    assert group_offsets(settings, name, topic, 2)[1] == ((7, "") if commit else None)
    assert end_left_transactions(settings, name, (topic,)) == []
    consumer.close()


def test_leaves_the_transaction_of_another(settings: Settings, make_topic: MakeTopic) -> None:
    topic, name = make_topic("others", 1), f"{settings.topics.prefix}mine"
    mine, other = _producer(settings, name), _producer(settings, f"{settings.topics.prefix}other")
    mine.begin_transaction()
    mine.produce(topic, b"mine", partition=0)
    mine.commit_transaction(30)
    wait_stable(settings, topic, [0])
    other.begin_transaction()
    other.produce(topic, b"other", partition=0)
    assert other.flush(30) == 0
    assert end_left_transactions(settings, name, (topic,)) == []
    other.commit_transaction(30)
    wait_stable(settings, topic, [0])
    assert [record.value for record in read_topic(settings, topic)] == [b"mine", b"other"]
