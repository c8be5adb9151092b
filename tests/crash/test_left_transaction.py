"""A broker that is killed within a transaction: what it aborts at its start stays aborted, whatever comes after."""

import shutil
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from infra.broker.admin import admin_client
from infra.broker.config import transactional_producer_config
from infra.broker.left_transactions import end_left_transactions
from infra.broker.reading import read_topic
from infra.broker.stability import wait_stable
from infra.settings import Settings
from infra.stack import Stack
from infra.stack import broker as broker_module
from tests.support import isolation
from tests.support.providers import scratch_folder, test_config
from tests.support.waiting import wait_for

#: Makes certain what else is a matter of luck: the broker looks for old transactions while its old registration lasts.
_WIDER = {"broker.session.timeout.ms=4000": "broker.session.timeout.ms=15000", "interval.ms=10000": "interval.ms=1000"}
_TRIES = 4


@pytest.mark.matrix
def test_a_marker_that_the_broker_dropped_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = broker_module._PROPERTIES
    for old, new in _WIDER.items():
        assert old in properties
        properties = properties.replace(old, new)
    monkeypatch.setattr(broker_module, "_PROPERTIES", properties)
    folder = scratch_folder()
    try:
        with Stack(test_config(folder, deadline_s=180.0)) as stack:
            settings = isolation.isolated_settings(stack.endpoints, folder / "home", "postgresql://none", "left.")
            assert any(_left(stack, settings, f"left.{number}") for number in range(_TRIES))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _left(stack: Stack, settings: Settings, topic: str) -> bool:
    """Kill the broker within a transaction; True if it left it without its end. A successor's commit shows nothing."""
    admin = admin_client(settings)
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)
    producer = Producer(transactional_producer_config(settings, topic))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"cut", partition=0)
    assert producer.flush(30) == 0
    old = time.monotonic() + 11.0
    stack.kill("kafka")
    wait_for(lambda: time.monotonic() > old, 30.0, "the transaction to be older than its timeout")
    stack.start_server("kafka")
    successor = Producer(transactional_producer_config(settings, topic))
    successor.init_transactions(60)
    ended = end_left_transactions(settings, topic, (topic,))
    wait_stable(settings, topic, (0,))
    successor.begin_transaction()
    successor.produce(topic, b"whole", partition=0)
    successor.commit_transaction(30)
    wait_stable(settings, topic, (0,))
    assert [record.value for record in read_topic(settings, topic)] == [b"whole"]
    return bool(ended)
