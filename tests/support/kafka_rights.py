"""What a Kafka user can really do, tried out."""

import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from infra.broker.config import common_config, consumer_config
from infra.settings import Settings


def writable(settings: Settings, topics: list[str]) -> set[str]:
    """Those that a message of this user reaches."""
    answers: dict[str, KafkaError | None] = {}
    producer = Producer({**common_config(settings, "test"), "log_level": 0})
    for topic in topics:
        producer.produce(topic, b"x", partition=0, on_delivery=lambda error, of: answers.update({of.topic(): error}))
    assert producer.flush(30) == 0
    assert {error.code() for error in answers.values() if error} <= {KafkaError.TOPIC_AUTHORIZATION_FAILED}, answers
    return {topic for topic in topics if answers[topic] is None}


def readable(settings: Settings, topics: list[str], expected: set[str]) -> set[str]:
    """Those that this user reads to their end; ``expected`` are waited for, of the others silence is enough."""
    config = {"enable.partition.eof": True, "auto.offset.reset": "earliest", "log_level": 0}
    consumer = Consumer(consumer_config(settings, "read-x", **config))
    ended: set[str] = set()
    try:
        consumer.assign([TopicPartition(topic, 0, 0) for topic in topics])
        end = time.monotonic() + 30
        while time.monotonic() < end:
            message = consumer.poll(1.0)
            if message is None and expected <= ended:
                break
            error = message.error() if message is not None else None
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                ended.add(str(message.topic()))
    finally:
        consumer.close()
    return ended
