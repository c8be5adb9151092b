"""The drift agent on real servers: what it measures and says, and that it says it once."""

from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from infra.broker.admin import group_offsets
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.topics import TopicNames
from signaltape.drift.stored import replay_history
from tests.support.drift_logs import Logs, build
from tests.support.drift_world import DECAY, DECAY_ALERTS, REFERENCE, DriftWorld, head, tail
from tests.support.policies import CLASSIC
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def decay() -> Logs:
    return build(DECAY)


@pytest.fixture
def world(make_settings: Callable[..., Settings]) -> DriftWorld:
    return DriftWorld(make_settings(drift={"policy": "classic"})).prepare()


def test_a_planted_decay_is_measured_and_raises_exactly_the_alerts_of_the_policy(
    world: DriftWorld, decay: Logs
) -> None:
    world.publish(decay.lanes)
    with running(world.settings, "drift"):
        world.wait_until_done()
    expected = decay.daily_ic() | {DECAY.first: None}
    assert world.values("ic") == {s: v if v is None else pytest.approx(v, abs=1e-14) for s, v in expected.items()}
    stability = decay.daily_psi(list(REFERENCE.edges), list(REFERENCE.counts))
    assert world.values("psi") == {s: v if v is None else pytest.approx(v, rel=1e-12) for s, v in stability.items()}
    assert world.fired(DECAY.first) == DECAY_ALERTS
    (replayed,) = replay_history(world.settings, DECAY.strategy, [CLASSIC])
    again: dict[str, list[int]] = {}
    for alarm in replayed.alarms:
        again.setdefault(alarm.rule, []).append(alarm.session - DECAY.first)
    assert again == DECAY_ALERTS
    few = next(row for row in world.metrics() if row[2] == "ic" and row[3] == DECAY.first + 6)
    assert few[4:7] == ("insufficient", None, 19)
    assert few[7]["names_max"] == 19


def test_the_table_and_the_topic_hold_the_same_alerts(world: DriftWorld, decay: Logs) -> None:
    world.publish(decay.lanes)
    with running(world.settings, "drift"):
        world.wait_until_done()
    published = {one.alert_id: one for one in world.published()}
    rows = world.rows("SELECT alert_id, rule, severity, strategy, subject, body, published_at FROM alerts")
    assert {row[0] for row in rows} == set(published)
    for alert_id, rule, severity, strategy, subject, body, published_at in rows:
        one = published[alert_id]
        assert (rule, severity, strategy, subject) == (one.rule, one.severity, one.strategy, one.subject)
        assert body["evidence"] == one.evidence
        assert published_at is not None


@pytest.mark.slow
def test_a_second_start_adds_nothing_and_the_groups_offsets_follow(world: DriftWorld, decay: Logs) -> None:
    first = head(decay, 6, DECAY.first)
    world.publish(first)
    with running(world.settings, "drift") as services:
        world.wait_until_done()
        assert services["drift"].stop() == 0
    world.publish(tail(decay, first))
    with running(world.settings, "drift") as services:
        world.wait_until_done()
        assert services["drift"].stop() == 0
    assert world.fired(DECAY.first) == DECAY_ALERTS
    before = world.outcome()
    with running(world.settings, "drift") as services:
        assert services["drift"].stop() == 0
    assert world.outcome() == before
    effects = world.effect_offsets()
    for topic in world.topics.values():
        committed = group_offsets(world.settings, world.group, topic, world.settings.topics.partitions)
        for partition, found in committed.items():
            assert found is not None
            assert 0 < found[0] <= effects[topic, partition]


@pytest.mark.slow
def test_a_group_offset_that_lags_repeats_nothing(world: DriftWorld, decay: Logs) -> None:
    """The group's offset is only a lower bound: set back to the begin, the stored offsets decide."""
    from infra.broker.admin import set_group_offsets

    world.publish(decay.lanes)
    with running(world.settings, "drift") as services:
        world.wait_until_done()
        services["drift"].stop()
    before = world.outcome()
    places = {(t, p): (0, "") for t in world.topics.values() for p in range(world.settings.topics.partitions)}
    set_group_offsets(world.settings, world.group, places)
    with running(world.settings, "drift"):
        again = build(DECAY)
        world.publish({lane: log[-1:] for lane, log in again.lanes.items() if lane[0] == "predictions"})
        world.wait_until_done()
    assert world.outcome() == before


@pytest.mark.slow
def test_a_second_instance_waits_and_takes_over(world: DriftWorld, decay: Logs) -> None:
    first = head(decay, 6, DECAY.first)
    world.publish(first)
    with running(world.settings, "drift") as services:
        world.wait_until_done()
        standby = ServiceProcess(world.settings, "drift", instance=1)
        try:
            wait_for(lambda: "another drift agent is active" in standby.tail(), 30)
            assert not standby.is_ready()
            services["drift"].kill()
            standby.wait_ready()
            world.publish(tail(decay, first))
            world.wait_until_done()
        finally:
            standby.stop()
    assert world.fired(DECAY.first) == DECAY_ALERTS


def test_bad_messages_are_dead_letters_and_nothing_else_is_lost(world: DriftWorld, decay: Logs) -> None:
    first = head(decay, 6, DECAY.first)
    world.publish(first)
    producer = Producer({"bootstrap.servers": world.settings.kafka.bootstrap_servers})
    for topic in world.topics.values():
        producer.produce(topic, b"\xc1not a message", key=b"k", partition=1)
        producer.produce(topic, b"", partition=2)
    assert producer.flush(30) == 0
    world.publish(tail(decay, first))
    with running(world.settings, "drift"):
        world.wait_until_done()
    assert world.fired(DECAY.first) == DECAY_ALERTS
    names = TopicNames(world.settings.topics.prefix)
    for topic in world.topics.values():
        letters = list(read_topic(world.settings, names.dlq(topic)))
        assert [letter.value for letter in letters] == [b"\xc1not a message", b""]
        headers = dict(letters[0].headers)
        assert headers["__connect.errors.exception.class.name"] == b"undecodable"
        assert headers["__connect.errors.partition"] == b"1"


def test_alerts_as_json(make_settings: Callable[..., Settings], decay: Logs) -> None:
    settings = make_settings(drift={"alert_format": "json", "policy": "classic"})
    world = DriftWorld(settings).prepare()
    world.publish(decay.lanes)
    with running(settings, "drift"):
        world.wait_until_done()
    (record, *_) = read_topic(settings, TopicNames(settings.topics.prefix).alerts)
    assert (record.value or b"").startswith(b'{"v":1,"type":"Alert"')
    assert world.fired(DECAY.first) == DECAY_ALERTS
