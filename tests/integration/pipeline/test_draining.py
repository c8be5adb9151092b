"""What counts as flowed through."""

from confluent_kafka import Producer

from infra.broker.config import transactional_producer_config
from infra.settings import Settings
from infra.warehouse import connect
from schemas.codec import encode
from schemas.topics import TopicNames
from signaltape.draining import waiting
from signaltape.initialisation import initialise
from tests.support.store_messages import signal
from tests.support.waiting import wait_for


def test_what_is_written_and_not_yet_readable_waits(settings: Settings) -> None:
    """Its transaction has no marker yet: readers of committed messages see nothing, and yet something is to come."""
    initialise(settings)
    producer = Producer(transactional_producer_config(settings, f"{settings.topics.prefix}writer"))
    producer.init_transactions(30)
    with connect(settings) as connection:
        assert list(waiting(settings, connection)) == []
        producer.begin_transaction()
        producer.produce(TopicNames(settings.topics.prefix).signals, encode(signal(1)), partition=1)
        assert producer.flush(30) == 0
        assert list(waiting(settings, connection)) == [("inference", 1)]
        producer.commit_transaction(30)
        wait_for(lambda: list(waiting(settings, connection)) == [("store", 1)], what="the signal before the store")
