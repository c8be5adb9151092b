"""The feature agent killed at each of its steps, and at random moments, under load: the same content in the end."""

import os
import random
import signal

import pytest

from infra.settings import Settings
from schemas.topics import TopicNames
from signaltape.initialisation import initialise
from tests.support.feature_runs import (
    assert_as_expected,
    chain_of,
    effect_offsets,
    high_offsets,
    plain_log,
    published,
    wait_done,
    write_log,
)
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

MOMENTS = int(os.environ.get("SIGNALTAPE_CRASH_MOMENTS", "5"))
#: Small rounds and frequent snapshots, so that every step is passed many times within one log.
SMALL = {"round_messages": 20, "snapshot_messages": 60, "snapshot_s": 3600.0}
POINTS = (
    ("features.1_decoded", 9),
    ("features.2_stepped", 9),
    ("features.3_published", 9),
    ("features.4_stored", 9),
    ("features.5_online", 9),
    ("features.6_snapshot", 5),
    ("features.6_committed", 5),
)


@pytest.mark.parametrize(("point", "count"), POINTS, ids=[name for name, _ in POINTS])
def test_killed_at_each_step(make_settings, point: str, count: int) -> None:
    settings: Settings = make_settings(features=SMALL | {"waiting_rounds": 1})  # so that a step is passed every round
    initialise(settings)
    write_log(settings, plain_log(4, rows=3, bars=40))
    process = ServiceProcess(settings, "features", SIGNALTAPE_CRASH_AT=f"{point}:{count}")
    assert process.wait_exit(60) == -signal.SIGKILL, process.tail()
    reached, high = effect_offsets(settings), high_offsets(settings)
    assert sum(reached.values()) < sum(high.values()), "the kill must come under load"
    resume(settings, first_published=published(settings, TopicNames(settings.topics.prefix).features))


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_at_a_random_moment(make_settings, moment: int) -> None:
    settings: Settings = make_settings(features=SMALL)
    initialise(settings)
    write_log(settings, plain_log(4, rows=3, bars=40, seed=moment))
    high = sum(high_offsets(settings).values())
    goal = random.Random(moment).randrange(1, high * 3 // 4)
    process = ServiceProcess(settings, "features")
    wait_for(lambda: sum(effect_offsets(settings).values()) >= goal, 60, "progress", 0.002)
    process.kill()
    resume(settings, first_published=published(settings, TopicNames(settings.topics.prefix).features))


def resume(settings: Settings, first_published: int) -> None:
    """Start again, and compare; messages that were handled before must have been read again and suppressed."""
    before = effect_offsets(settings)
    with running(settings, "features") as started:
        wait_done(settings)
        assert started["features"].stop() == 0
    topic = TopicNames(settings.topics.prefix).features
    chain, total = len(chain_of(settings, topic)), published(settings, topic)
    assert total >= chain
    assert first_published <= chain
    if sum(before.values()) < first_published:
        assert total > chain, "what was published before the kill and not stored must have been published again"
    assert_as_expected(settings)
