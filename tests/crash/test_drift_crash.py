"""`kill -9` of the drift agent at each numbered step and in seeded random sequences: the same outcome, alerts once."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from infra.settings import Settings
from tests.support.drift_logs import Lane, Logs, Message, build
from tests.support.drift_world import DECAY, DriftWorld, head, undisturbed
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

STEPS = ("drift.3_stepped", "drift.4_stored", "drift.5_published", "drift.6_marked", "drift.7_committed")
MOMENTS = int(os.environ.get("SIGNALTAPE_CRASH_MOMENTS", "5"))
#: Sessions after which the log is cut, so that several checkpoints raise alerts.
CUTS = (0, 4, 6, 10, 20)


@pytest.fixture
def world(make_settings: Callable[..., Settings]) -> DriftWorld:
    return DriftWorld(make_settings(drift={"policy": "classic"})).prepare()


def slices(logs: Logs, cuts: tuple[int, ...]) -> list[dict[Lane, list[Message]]]:
    """The logs in consecutive pieces."""
    heads = [head(logs, cut, DECAY.first) for cut in cuts]
    return [{lane: log[len(before[lane]) :] for lane, log in after.items()} for before, after in pairwise(heads)]


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step(world: DriftWorld, step: str) -> None:
    logs = build(DECAY)
    world.publish(slices(logs, CUTS)[0])
    crashing = ServiceProcess(
        world.settings, "drift", SIGNALTAPE_CRASH_AT=f"{step}:{2 if 'published' not in step else 1}"
    )
    pieces = iter(slices(logs, CUTS)[1:])
    while crashing.poll() is None:
        world.wait_until_taken_or(lambda: crashing.poll() is not None)
        if crashing.poll() is None:
            world.publish(next(pieces))
    assert crashing.wait_exit() == -9
    for piece in pieces:
        world.publish(piece)
    assert world.lag() > 0 or step in ("drift.4_stored", "drift.5_published", "drift.6_marked", "drift.7_committed")
    with running(world.settings, "drift"):
        world.wait_until_done()
    assert world.outcome() == undisturbed(logs, world.settings.topics.partitions)


@pytest.mark.matrix
def test_killed_again_and_again(world: DriftWorld) -> None:
    """Each process is killed at a seeded random step; a new one goes on, while more messages come."""
    rng = random.Random(20240607)
    plan = replace(DECAY, days=DECAY.days * max(1, MOMENTS // 5))
    logs = build(plan)
    crashes, agent = 0, None
    for piece in slices(logs, tuple(range(0, len(plan.days) + 3, 2))):
        world.publish(piece)
        while True:
            if agent is None:
                fatal = f"{rng.choice(STEPS)}:{rng.randint(1, 3)}" if crashes < MOMENTS else ""
                agent = ServiceProcess(world.settings, "drift", SIGNALTAPE_CRASH_AT=fatal)
            current = agent
            world.wait_until_taken_or(lambda: current.poll() is not None)  # noqa: B023
            if agent.poll() is None:
                break
            assert agent.poll() == -9, agent.tail()
            crashes, agent = crashes + 1, None
    assert agent is not None
    world.wait_until_done()
    wait_for(lambda: not world.waiting(), 30)
    agent.kill()
    assert crashes >= min(MOMENTS, 3)
    assert world.outcome() == undisturbed(logs, world.settings.topics.partitions)
