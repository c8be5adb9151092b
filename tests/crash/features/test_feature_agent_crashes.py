"""The feature agent killed at each of its steps, and at random moments, under load: the same content in the end.

Each test kills twice. The first kill is at the step, or the moment, that the test is about; the second is always
between the publication of a round and its transaction, where what was published is certain to be published again.
So whatever the first step is, each test as a whole shows messages that were handled again and repetitions that the
chain's readers drop.
"""

import os
import random
import signal
from dataclasses import dataclass

import psycopg
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

MOMENTS = int(os.environ.get("SIGNALTAPE_CRASH_MOMENTS", "2"))
#: Small rounds and frequent snapshots, so that every step is passed many times within one log; a short session, so that
#: a successor need not wait long for the partitions of the dead.
SMALL = {"round_messages": 20, "snapshot_messages": 60, "snapshot_s": 3600.0, "session_timeout_s": 2.5}
#: Step, how often it is passed before the kill, and what that kill alone can't show.
POINTS = (
    ("features.1_decoded", 9),  # nothing of the ninth round is published: nothing of it is there twice
    ("features.2_stepped", 9),  # the same
    ("features.3_published", 9),  # the round is published and not stored: it is published again
    ("features.4_stored", 9),  # the round is stored: its messages only advance the state, nothing is published again
    ("features.5_online", 9),  # the same
    ("features.6_snapshot", 5),  # one partition starts behind all its effects, the others as after step 4
    ("features.6_committed", 5),  # the same
)
#: Those that `make test` has time for.
QUICK = ("features.4_stored",)
SECOND_KILL = "features.3_published:1"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far an agent had come when it was killed.

    ``lag``: messages without their effects. ``handled_again``: messages whose effects exist, behind the snapshot from
    which the successor starts. ``published``: messages in `features`, repeated ones too.
    """

    lag: int
    handled_again: int
    published: int


def standing(settings: Settings) -> Standing:
    effects, high = effect_offsets(settings), high_offsets(settings)
    with psycopg.connect(settings.postgres.dsn) as connection:
        rows = connection.execute("SELECT partition, snapshot_offset FROM checkpoints WHERE service = 'features'")
        snapshots = dict(rows.fetchall())
    return Standing(
        lag=sum(high.values()) - sum(effects.values()),
        handled_again=sum(effects[partition] - offset for partition, offset in snapshots.items()),
        published=published(settings, TopicNames(settings.topics.prefix).features),
    )


@pytest.mark.parametrize(
    ("point", "count"),
    [pytest.param(*one, id=one[0], marks=() if one[0] in QUICK else pytest.mark.slow) for one in POINTS],
)
def test_killed_at_each_step(make_settings, point: str, count: int) -> None:
    settings: Settings = make_settings(features=SMALL | {"waiting_rounds": 1})  # so that a step is passed every round
    initialise(settings)
    write_log(settings, plain_log(4, rows=3, bars=40))
    first = die(settings, f"{point}:{count}")
    assert first.lag > 0, "the kill must come under load"
    resume(settings, first)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_at_a_random_moment(make_settings, moment: int) -> None:
    settings: Settings = make_settings(features=SMALL)
    initialise(settings)
    log = plain_log(4, rows=3, bars=40, seed=moment)
    held_back = len(log) // 4
    write_log(settings, log[:-held_back])
    goal = random.Random(moment).randrange(1, len(log) // 2)
    process = ServiceProcess(settings, "features")
    wait_for(lambda: sum(effect_offsets(settings).values()) >= goal, 60, "progress", 0.002)
    # It stands from here on, so that the rest of the log waits at its death, however fast it was.
    os.kill(process.pid, signal.SIGSTOP)
    wait_for(process.is_frozen)
    write_log(settings, log[-held_back:])
    process.kill()
    first = standing(settings)
    assert first.lag > 0, "the kill must come under load"
    resume(settings, first)


def die(settings: Settings, point: str) -> Standing:
    """Run an agent that is killed at a crash point; how far it had come."""
    process = ServiceProcess(settings, "features", SIGNALTAPE_CRASH_AT=point)
    assert process.wait_exit(60) == -signal.SIGKILL, process.tail()
    return standing(settings)


def resume(settings: Settings, first: Standing) -> None:
    """Kill the successor too, let the third one finish, and compare.

    What the comparison leaves out is named beside it (`feature_runs.LEFT_OUT`).
    """
    second = die(settings, SECOND_KILL)
    assert second.lag > 0, "the second kill must come under load too"
    with running(settings, "features") as started:
        wait_done(settings)
        assert started["features"].stop() == 0
    assert first.handled_again + second.handled_again > 0, "no message was handled twice"
    topic = TopicNames(settings.topics.prefix).features
    chain, total = len(chain_of(settings, topic)), published(settings, topic)
    assert first.published <= second.published <= total
    assert total > chain, "what was published before the second kill and not stored is published again, and dropped"
    assert_as_expected(settings)
