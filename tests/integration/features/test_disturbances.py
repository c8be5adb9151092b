"""Servers that go away, instances that come and go, a log or a database that was replaced."""

from pathlib import Path

import psycopg
import pytest
import redis

from infra.broker.admin import admin_client, create_topics
from infra.online.store import OnlineStore
from infra.settings import Settings
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from tests.support.feature_runs import (
    assert_as_expected,
    effect_offsets,
    high_offsets,
    plain_log,
    wait_done,
    write_log,
)
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

SMALL = {"round_messages": 10, "snapshot_messages": 200}


@pytest.fixture
def small(make_settings) -> Settings:
    settings: Settings = make_settings(features=SMALL)
    initialise(settings)
    return settings


def wait_under_way(settings: Settings) -> None:
    wait_for(lambda: sum(effect_offsets(settings).values()) > 0, 60, "first effects", 0.005)


def lag(settings: Settings) -> int:
    return sum(high_offsets(settings).values()) - sum(effect_offsets(settings).values())


@pytest.mark.slow
def test_postgres_restarted_during_the_flow(small: Settings, stack) -> None:
    log = plain_log(4, rows=2, bars=80)
    write_log(small, log[: len(log) // 2])
    with running(small, "features") as started:
        wait_under_way(small)
        stack.kill("postgres")
        write_log(small, log[len(log) // 2 :])  # there is something to do, however fast the agent was
        stack.start_server("postgres")
        wait_done(small, 120)
        assert started["features"].stop() == 0
    assert_as_expected(small)


@pytest.mark.slow
def test_redis_restarted_during_the_flow_is_filled_again(small: Settings, stack) -> None:
    log = plain_log(4, rows=2, bars=80)
    write_log(small, log[: len(log) // 2])
    with running(small, "features") as started:
        wait_under_way(small)
        stack.kill("redis")
        write_log(small, log[len(log) // 2 :])
        wait_done(small, 120)
        stack.start_server("redis")
        # A Redis that comes back empty can't know that it is stale: the vectors themselves say that it is repaired.
        client = redis.Redis.from_url(small.redis.url)
        wait_for(lambda: len(vectors(client, small)) == 24, 60, "every vector")
        online = OnlineStore(small)
        wait_for(lambda: not online.is_stale(), 30, "the mark, which goes behind the vectors, to go")
        online.close()
        client.close()
        assert started["features"].stop() == 0
    assert_as_expected(small)


def vectors(client: redis.Redis, settings: Settings) -> list[bytes]:
    """Keys of the test's vectors; none while Redis is away."""
    try:
        return list(client.scan_iter(match=f"{settings.topics.prefix}online:core:*"))
    except redis.exceptions.ConnectionError:
        return []


@pytest.mark.slow
def test_an_emptied_redis_is_filled_at_the_next_start(small: Settings) -> None:
    write_log(small, plain_log(4, bars=40))
    with running(small, "features") as started:
        wait_done(small)
        assert started["features"].stop() == 0
    client = redis.Redis.from_url(small.redis.url)
    keys = vectors(client, small)
    assert keys
    client.delete(*keys)
    with running(small, "features") as started:
        wait_for(lambda: len(vectors(client, small)) == len(keys), 60, "the vectors")
        assert started["features"].stop() == 0
    client.close()
    assert_as_expected(small)


@pytest.mark.slow
def test_a_second_instance_comes_and_goes(small: Settings) -> None:
    log = plain_log(4, rows=2, bars=90)
    third = len(log) // 3
    write_log(small, log[:third])
    with running(small, "features") as started:
        wait_under_way(small)
        second = ServiceProcess(small, "features", 1).wait_ready()
        try:
            wait_for(lambda: len(epochs(small)) and max(epochs(small)) >= 2, 60, "a partition to move")
            write_log(small, log[third : 2 * third])
            wait_done(small)
            second.kill()
            write_log(small, log[2 * third :])
            wait_done(small, 90)
        finally:
            if second.poll() is None:
                second.kill()
        assert started["features"].stop() == 0
    assert_as_expected(small)


@pytest.mark.slow
def test_one_that_was_taken_for_dead_adds_nothing(make_settings) -> None:
    """Frozen with a round published and not stored, until another instance has done its work; then it goes on."""
    settings: Settings = make_settings(features=SMALL | {"session_timeout_s": 2.5})
    initialise(settings)
    write_log(settings, plain_log(4, rows=2, bars=40))
    frozen = ServiceProcess(settings, "features", SIGNALTAPE_CRASH_AT="features.3_published:3:freeze")
    second = None
    try:
        wait_for(frozen.is_frozen, 60, "the first to freeze")
        assert lag(settings) > 0
        second = ServiceProcess(settings, "features", 1)
        wait_done(settings)
        frozen.resume()
        assert frozen.wait_exit(60) == 1, frozen.tail()
        assert second.stop() == 0
    finally:
        for process in (frozen, second):
            if process is not None and process.poll() is None:
                process.kill()
    assert_as_expected(settings)


def epochs(settings: Settings) -> list[int]:
    with psycopg.connect(settings.postgres.dsn) as connection:
        return [row[0] for row in connection.execute("SELECT epoch FROM checkpoints WHERE service = 'features'")]


@pytest.mark.slow
def test_a_recreated_topic_is_refused_with_the_repair_command(small: Settings) -> None:
    write_log(small, plain_log(4, bars=5))
    with running(small, "features") as started:
        wait_done(small)
        assert started["features"].stop() == 0
    topic = TopicNames(small.topics.prefix).bars
    admin = admin_client(small)
    for future in admin.delete_topics([topic]).values():
        future.result(30)
    wait_for(lambda: topic not in admin.list_topics(timeout=10).topics, 30, "the topic to go")
    wait_for(lambda: topic in create_topics(small), 30, "the topic to come back")
    write_log(small, plain_log(4, bars=30))
    process = ServiceProcess(small, "features")
    assert process.wait_exit(60) == 1
    assert "signaltape repair --service features" in process.tail()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_messages(make_settings) -> None:
    settings: Settings = make_settings(features={"round_messages": 200, "snapshot_messages": 2_000})
    initialise(settings)
    log = plain_log(4, rows=1, symbols=8, bars=1_000)
    half = len(log) // 2
    with running(settings, "features") as started:
        write_log(settings, log[:half])
        wait_done(settings, 200)
        before = resident_mb(started["features"].pid)
        write_log(settings, log[half:])
        wait_done(settings, 200)
        after = resident_mb(started["features"].pid)
        assert started["features"].stop() == 0
    assert after - before < 15, f"{before:.0f} MB after {half} messages, {after:.0f} MB after twice as many"


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
