"""`signaltape init` makes what is missing, changes nothing that is there, and can be repeated at any time."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from infra.broker.admin import (
    admin_client,
    create_topics,
    group_offsets,
    low_high_offsets,
    set_group_offsets,
    topic_id,
)
from infra.broker.config import idempotent_producer_config
from infra.broker.errors import TopicError
from infra.settings import Settings
from infra.warehouse import connect
from infra.warehouse.checkpoints import read_checkpoints
from schemas.topics import DEAD_LETTERED, TOPICS, TopicNames
from signaltape.initialisation import CHECKPOINTED, GROUP_TOPICS, InitError, group_of, initialise
from tests.support.isolation import process_environment


def offsets_of(settings: Settings, service: str, topic: str) -> dict[int, tuple[int, str] | None]:
    partitions = len(low_high_offsets(settings, topic))
    return group_offsets(settings, group_of(settings, service), topic, partitions)


def test_everything_is_made_and_a_second_run_makes_nothing(settings: Settings) -> None:
    first, second = initialise(settings), initialise(settings)
    names = TopicNames(settings.topics.prefix)
    expected = {names.of(topic.name) for topic in TOPICS} | {names.dlq(names.of(name)) for name in DEAD_LETTERED}
    assert set(first.topics) == expected
    assert first.migrations
    assert (second.topics, second.migrations, second.checkpoints, second.offsets) == ((), (), 0, 0)
    partitions = settings.topics.partitions
    for topic in TOPICS:
        assert len(low_high_offsets(settings, names.of(topic.name))) == (partitions if topic.partitioned else 1)
    for service, topics in GROUP_TOPICS.items():
        for topic in (names.of(name) for name in topics):
            assert {place and place[0] for place in offsets_of(settings, service, topic).values()} == {0}
    with connect(settings) as connection:
        for service in CHECKPOINTED:
            for topic in (names.of(name) for name in GROUP_TOPICS[service]):
                rows = read_checkpoints(connection, service, topic)
                assert set(rows) == set(low_high_offsets(settings, topic))
                assert {row.topic_id for row in rows.values()} == {topic_id(settings, topic)}
                assert {(row.generation, row.epoch, row.effect_offset) for row in rows.values()} == {(1, 0, 0)}


def test_what_is_there_stays(settings: Settings) -> None:
    initialise(settings)
    names = TopicNames(settings.topics.prefix)
    group = group_of(settings, "ingest")
    set_group_offsets(settings, group, {(names.bars_in, 1): (7, "kept")})
    with connect(settings) as connection:
        connection.execute("UPDATE checkpoints SET effect_offset = 9, epoch = 3 WHERE topic = %s", [names.bars])
    assert initialise(settings).offsets == 0
    assert offsets_of(settings, "ingest", names.bars_in)[1] == (7, "kept")
    with connect(settings) as connection:
        found = read_checkpoints(connection, "features", names.bars)
    assert {(row.effect_offset, row.epoch) for row in found.values()} == {(9, 3)}


def test_a_half_finished_run_is_completed(settings: Settings) -> None:
    create_topics(settings)
    report = initialise(settings)
    assert report.topics == ()
    assert report.checkpoints > 0
    assert report.offsets > 0


def test_a_checkpointed_group_that_lost_its_offsets_goes_on_at_its_snapshot(settings: Settings) -> None:
    initialise(settings)
    names = TopicNames(settings.topics.prefix)
    with connect(settings) as connection:
        connection.execute(
            "UPDATE checkpoints SET snapshot_offset = 5, effect_offset = 6 WHERE topic = %s", [names.bars]
        )
    group = group_of(settings, "features")
    admin = admin_client(settings)
    admin.delete_consumer_groups([group])[group].result(30)
    assert initialise(settings).offsets == settings.topics.partitions
    assert {place and place[0] for place in offsets_of(settings, "features", names.bars).values()} == {5}


def test_a_lost_inference_group_is_refused_where_signals_would_repeat(settings: Settings) -> None:
    initialise(settings)
    names = TopicNames(settings.topics.prefix)
    producer = Producer(idempotent_producer_config(settings, "test"))
    producer.produce(names.predictions, b"something", partition=2)
    assert producer.flush(30) == 0
    group = group_of(settings, "inference")
    admin = admin_client(settings)
    admin.delete_consumer_groups([group])[group].result(30)
    with pytest.raises(InitError, match=r"partitions \[2\].*signaltape repair --service inference"):
        initialise(settings)
    assert offsets_of(settings, "inference", names.features)[2] is None


def test_another_number_of_partitions_is_refused_naming_both(make_settings: Callable[..., Settings]) -> None:
    initialise(make_settings())
    with pytest.raises(TopicError, match=r"has 4 partitions, the setting topics.partitions says 6"):
        initialise(make_settings(topics={"prefix": make_settings().topics.prefix, "partitions": 6}))


def test_the_command_says_what_it_made(settings: Settings) -> None:
    def run() -> dict[str, object]:
        argv = [sys.executable, "-m", "signaltape", "init", "--json"]
        done = subprocess.run(argv, env=process_environment(settings), capture_output=True, text=True, check=True)
        found: dict[str, object] = json.loads(done.stdout)
        return found

    assert run()["topics"]
    assert run()["topics"] == []


def test_a_database_that_is_away_is_named(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(postgres={"dsn": "postgresql://nobody@127.0.0.1:1/none"})
    argv = [sys.executable, "-m", "signaltape", "init"]
    done = subprocess.run(argv, env=process_environment(settings), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "127.0.0.1:1/none" in done.stderr
    assert "Traceback" not in done.stderr
