"""A new owner restores the router only from predictions that are all readable."""

import threading

from confluent_kafka import Producer

from consumers.inference.commit_metadata import CommitMetadata
from consumers.inference.restore import Place, Restorer
from infra.broker.admin import create_topics
from infra.broker.config import transactional_producer_config
from infra.settings import Settings
from pipeline.routing.partition import Standing
from schemas.topics import TopicNames
from tests.support.feature_chain import KnownModels


def test_waits_for_a_commit_that_is_not_readable_yet(settings: Settings) -> None:
    create_topics(settings)
    predecessor = Producer(transactional_producer_config(settings, f"{settings.topics.prefix}predecessor"))
    predecessor.init_transactions(30.0)
    predecessor.begin_transaction()
    predecessor.produce(TopicNames(settings.topics.prefix).predictions, b"last round", partition=0)
    predecessor.flush(30.0)
    place = Place(1, CommitMetadata(standing=Standing(fence=(0, 0), head=0)).to_text())
    found: list[int] = []
    restorer = Restorer(settings, KnownModels())
    successor = threading.Thread(target=lambda: found.extend(restorer.restore({0: place})))
    successor.start()
    successor.join(3.0)
    assert found == []
    predecessor.commit_transaction(30.0)
    successor.join(30.0)
    assert found == [0]
