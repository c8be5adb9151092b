"""What was sent is known to be there, in order; after a failed delivery nothing more is sent."""

import gc
import random
import weakref
from collections.abc import Callable

import pytest

from infra.broker.dead_letters import DeadLetters
from infra.broker.errors import PublishError
from infra.broker.publisher import Publisher
from infra.broker.reading import Record, read_topic
from infra.settings import Settings
from schemas.row_faults import RowFault
from schemas.topics import TopicNames
from tests.support.providers import TestStack

MakeTopic = Callable[..., str]


def test_everything_sent_is_there_in_order_with_key_and_headers(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("ordered", 2)
    publisher = Publisher(settings, "test")
    for number in range(3_000):
        publisher.send(topic, number % 2, str(number).encode(), key=b"k", headers=[("ce_id", b"x"), ("none", None)])
    publisher.flush_acknowledged(30.0)
    records = list(read_topic(settings, topic))
    for partition in (0, 1):
        values = [int(record.value or b"") for record in records if record.partition == partition]
        assert values == list(range(partition, 3_000, 2))
    assert records[0].key == b"k"
    assert records[0].headers == (("ce_id", b"x"), ("none", None))


def test_a_flush_of_nothing_returns(settings: Settings) -> None:
    Publisher(settings, "test").flush_acknowledged(1.0)


def send_acknowledged(publisher: Publisher, topic: str, partition: int, value: bytes) -> None:
    publisher.send(topic, partition, value)
    publisher.flush_acknowledged(30.0)


def test_a_failed_delivery_poisons_the_publisher(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("poisoned", 2)
    publisher = Publisher(settings, "test")
    publisher.send(topic, 0, b"before")
    publisher.flush_acknowledged(30.0)
    with pytest.raises(PublishError, match="not delivered"):
        send_acknowledged(publisher, topic, 7, b"nowhere")
    with pytest.raises(PublishError, match="not delivered"):
        publisher.send(topic, 0, b"after")
    with pytest.raises(PublishError, match="not delivered"):
        publisher.flush_acknowledged(30.0)
    assert [record.value for record in read_topic(settings, topic)] == [b"before"]


@pytest.mark.slow
def test_what_was_given_up_on_is_not_sent_later_and_holds_no_client(
    stack: TestStack, settings: Settings, make_topic: MakeTopic
) -> None:
    topic = make_topic("given-up")
    publisher = Publisher(settings, "test")
    send_acknowledged(publisher, topic, 0, b"before")
    stack.kill("kafka")
    try:
        publisher.send(topic, 0, b"while it is away")
        with pytest.raises(PublishError, match="not acknowledged within"):
            publisher.flush_acknowledged(0.5)
    finally:
        stack.restart("kafka")
    send_acknowledged(Publisher(settings, "successor"), topic, 0, b"after")
    left = weakref.ref(publisher)
    with pytest.raises(PublishError, match="not acknowledged within"):
        publisher.flush_acknowledged(10.0)  # would have been time enough to send it
    assert [record.value for record in read_topic(settings, topic)] == [b"before", b"after"]
    del publisher
    gc.collect()
    assert left() is None


def test_a_message_that_the_broker_refuses_poisons_it_too(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("small", max_message_bytes="2000")
    publisher = Publisher(settings, "test")
    with pytest.raises(PublishError, match="small"):
        send_acknowledged(publisher, topic, 0, random.Random(1).randbytes(100_000))
    with pytest.raises(PublishError):
        publisher.send(topic, 0, b"after")


def test_a_message_over_the_limit_is_refused_at_once(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("large")
    publisher = Publisher(settings, "test")
    with pytest.raises(PublishError, match="too large"):
        publisher.send(topic, 0, b"\0" * (17 * 1024 * 1024))


def test_a_full_cross_section_passes(settings: Settings, make_topic: MakeTopic) -> None:
    topic = make_topic("full", max_message_bytes=str(16 * 1024 * 1024))
    value = b"\x07" * (15 * 1024 * 1024)
    publisher = Publisher(settings, "test")
    publisher.send(topic, 0, value)
    publisher.flush_acknowledged(30.0)
    assert [record.value for record in read_topic(settings, topic)] == [value]


def test_a_broker_that_does_not_answer_is_named_after_the_deadline(
    settings: Settings, make_topic: MakeTopic, stack: TestStack
) -> None:
    topic = make_topic("frozen")
    publisher = Publisher(settings, "test")
    publisher.send(topic, 0, b"before")
    publisher.flush_acknowledged(30.0)
    stack.suspend("kafka")
    try:
        publisher.send(topic, 0, b"during")
        with pytest.raises(PublishError, match=r"1 messages were not acknowledged within 0.5 s"):
            publisher.flush_acknowledged(0.5)
    finally:
        stack.resume("kafka")
    with pytest.raises(PublishError):
        publisher.send(topic, 0, b"after")


def test_a_dead_letter_keeps_everything(settings: Settings, make_topic: MakeTopic) -> None:
    names = TopicNames(settings.topics.prefix)
    make_topic("bars.v1.dlq")
    publisher = Publisher(settings, "test")
    letters = DeadLetters(publisher, names, "features")
    headers = (("ce_id", b"abc"), ("odd", None), ("bytes", b"\xff\x00"))
    fault = RowFault(row=3, symbol="B", code="not_finite", detail="NaN")
    letters.put(Record(names.bars, 2, 99, 5, b"\x00key", b"\xc1raw", headers), "not_finite", "a price is NaN", [fault])
    letters.put(Record(names.bars, 2, 100, 5, None, None, ()), "undecodable", "no value")
    letters.flush()
    first, second = read_topic(settings, names.dlq(names.bars))
    assert (first.key, first.value) == (b"\x00key", b"\xc1raw")
    assert first.headers[:3] == headers
    assert dict(first.headers)["__connect.errors.offset"] == b"99"
    assert dict(first.headers)["signaltape.rows"] == b"3"
    assert (second.key, second.value) == (None, None)
    assert dict(second.headers)["__connect.errors.exception.class.name"] == b"undecodable"
