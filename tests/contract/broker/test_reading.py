"""Reading a topic to its end: transactions, aborted messages, control markers, offsets that are gone."""

import itertools
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from infra.broker.admin import admin_client, low_high_offsets
from infra.broker.config import idempotent_producer_config, transactional_producer_config
from infra.broker.errors import BrokerError, TopicError
from infra.broker.reading import read_topic
from infra.broker.stability import wait_stable
from infra.settings import Settings

MakeTopic = Callable[..., str]


def transactional(settings: Settings, slot: int = 0) -> Producer:
    producer = Producer(transactional_producer_config(settings, f"{settings.topics.prefix}test-{slot}"))
    producer.init_transactions(30)
    return producer


def write(producer: Producer, topic: str, values: range, partition: int = 0) -> None:
    for value in values:
        producer.produce(topic, str(value).encode(), partition=partition)


def values_of(settings: Settings, topic: str, **options: object) -> list[int]:
    return [int(record.value or b"") for record in read_topic(settings, topic, **options)]  # type: ignore[arg-type]


def test_aborted_messages_and_markers_are_not_read(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("transactions")
    producer = transactional(settings)
    for start, commit in ((0, True), (10, False), (20, True), (30, False)):
        producer.begin_transaction()
        write(producer, topic, range(start, start + 3))
        producer.flush()
        (producer.commit_transaction if commit else producer.abort_transaction)(30)
    wait_stable(settings, topic, [0])  # the last marker is written after the answer
    assert values_of(settings, topic) == [0, 1, 2, 20, 21, 22]
    everything = [*range(3), *range(10, 13), *range(20, 23), *range(30, 33)]
    assert values_of(settings, topic, isolation="read_uncommitted") == everything
    low, high = low_high_offsets(settings, topic)[0]
    assert (low, high) == (0, 16)  # twelve messages and four markers: offsets can't be counted
    assert [record.offset for record in read_topic(settings, topic)] == [0, 1, 2, 8, 9, 10]


def test_an_open_transaction_is_the_end(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("open")
    first, second = transactional(settings, 0), transactional(settings, 1)
    first.begin_transaction()
    write(first, topic, range(2))
    first.commit_transaction(30)
    first.begin_transaction()
    write(first, topic, range(5, 6))
    first.flush()
    second.begin_transaction()
    write(second, topic, range(8, 9))
    second.commit_transaction(30)
    # The first marker is written by now: the broker would else not have let the same producer begin again.
    assert values_of(settings, topic) == [0, 1]
    first.commit_transaction(30)
    wait_stable(settings, topic, [0])
    assert values_of(settings, topic) == [0, 1, 5, 8]


def test_several_partitions_and_an_empty_one(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("several", 3)
    producer = Producer(idempotent_producer_config(settings, "test"))
    write(producer, topic, range(5_000), 0)
    write(producer, topic, range(5_000, 5_100), 2)
    assert producer.flush(30) == 0
    records = list(read_topic(settings, topic))
    assert sorted(int(record.value or b"") for record in records) == list(range(5_100))
    assert {record.partition for record in records} == {0, 2}
    assert all(record.topic == topic for record in records)
    assert all(record.timestamp_ms > 1_700_000_000_000 for record in records)


def test_an_empty_topic_ends_at_once(settings: Settings, make_topic: MakeTopic) -> None:
    assert list(read_topic(settings, make_topic("empty", 2))) == []


def test_reading_from_offsets(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("from", 2)
    producer = Producer(idempotent_producer_config(settings, "test"))
    write(producer, topic, range(10), 0)
    write(producer, topic, range(10, 20), 1)
    assert producer.flush(30) == 0
    assert values_of(settings, topic, from_offsets={0: 7}) == [7, 8, 9]
    assert sorted(values_of(settings, topic, from_offsets={0: 9, 1: 8})) == [9, 18, 19]
    assert values_of(settings, topic, from_offsets={0: 10}) == []
    assert values_of(settings, topic, from_offsets={}) == []


def test_a_reader_that_stops_early_leaves_nothing_open(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("early")
    producer = Producer(idempotent_producer_config(settings, "test"))
    write(producer, topic, range(100))
    assert producer.flush(30) == 0
    reader = read_topic(settings, topic)
    assert [int(record.value or b"") for record in itertools.islice(reader, 3)] == [0, 1, 2]
    reader.close()  # type: ignore[attr-defined]


def test_offsets_that_are_gone_are_refused(settings: Settings, make_topic: MakeTopic) -> None:
    from confluent_kafka import TopicPartition

    topic = make_topic("gone")
    producer = Producer(idempotent_producer_config(settings, "test"))
    write(producer, topic, range(10))
    assert producer.flush(30) == 0
    admin = admin_client(settings)
    for future in admin.delete_records([TopicPartition(topic, 0, 5)]).values():
        future.result(30)
    assert values_of(settings, topic) == [5, 6, 7, 8, 9]
    with pytest.raises(BrokerError, match="not there any more"):
        values_of(settings, topic, from_offsets={0: 2})


def test_a_missing_topic_is_named_with_what_to_do(settings: Settings) -> None:
    with pytest.raises(TopicError, match=r"nowhere.v1 does not exist; run `signaltape init`"):
        list(read_topic(settings, f"{settings.topics.prefix}nowhere.v1"))


def test_reads_up_to_an_offset(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("bounded", 3)
    producer = Producer(idempotent_producer_config(settings, "test"))
    for partition in range(3):
        write(producer, topic, range(100 * partition, 100 * partition + 9), partition)
    producer.flush()
    found = values_of(settings, topic, from_offsets={0: 2, 1: 4, 2: 0}, to_offsets={0: 5, 1: 4, 2: 99})
    assert sorted(found) == [2, 3, 4, *range(200, 209)]
