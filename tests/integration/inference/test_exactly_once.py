"""The inference process on a real broker: what it publishes is what the pure core says, whatever happens to it."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.topics import TopicNames
from tests.support.feature_log import (
    PATIENT,
    FeatureLog,
    aborted_content,
    committed_offsets,
    expected_content,
    lag,
    published_content,
    register_model,
    wait_taken,
)
from tests.support.services import ServiceProcess, running
from tests.support.waiting import wait_for

MakeSettings = Callable[..., Settings]
STEPS = ("1_taken", "2_scored", "3_produced", "4_offsets", "5_committed")
#: `make test` has the third in the signal matrix.
MARKS = {
    "1_taken": [pytest.mark.crash, pytest.mark.matrix],
    "2_scored": [pytest.mark.crash, pytest.mark.matrix],
    "3_produced": [pytest.mark.slow],
    "4_offsets": [pytest.mark.slow],
    "5_committed": [pytest.mark.slow],
}


@pytest.fixture
def log(make_settings: MakeSettings, tmp_path: Path) -> FeatureLog:
    """Forty seconds of bars with a swap, a shadow, two experiments (the swap ends the first), a pause and a session
    that ends, all before the process starts.
    """
    log = FeatureLog(make_settings(inference=PATIENT.model_dump()))
    first = register_model(log.settings, tmp_path / "first")
    second = register_model(log.settings, tmp_path / "second", weights={"logret_1": 0.7, "volume_z_20": 0.0004})
    assert (first, second) == (1, 2)
    log.control("activate", strategy="alpha", model="linear", model_version=1)
    log.control("shadow", strategy="alpha", model="linear", model_version=2)
    for at in range(40):
        log.bar(at)
        if at % 5 == 4:
            log.mark(at)
        if at in (8, 26):
            terms = {"experiment": f"from-{at}", "ratio": 0.5, "capital": {"control": 0.5, "arm": 0.25}}
            log.control("experiment", strategy="alpha", model="linear", model_version=2 - at // 20, parameters=terms)
        if at == 12:
            log.control("pause", symbols=("S00", "S10"))
        if at == 20:
            log.control("activate", strategy="alpha", model="linear", model_version=2)
        if at == 25:
            log.control("resume")
    log.mark(86_400)
    log.bar(86_401)
    log.mark(86_401, "final")
    log.flush()
    return log


def test_undisturbed(log: FeatureLog) -> None:
    with running(log.settings, "inference") as services:
        wait_taken(log.settings)
        assert services["inference"].stop() == 0
    assert published_content(log.settings) == expected_content(log)


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=marks) for step, marks in MARKS.items()],
)
def test_killed_at_step(log: FeatureLog, step: str) -> None:
    """Killed in the fourth round under load, and again with a transaction under way; then started again.

    A kill at 1 or 2 has produced nothing yet, one at 5 leaves nothing to be done again: the second kill is always one
    whose round is taken again, while what its first attempt produced stays in the topics for nobody to read.
    """
    dying = ServiceProcess(log.settings, "inference", SIGNALTAPE_CRASH_AT=f"inference.{step}:4")
    assert dying.wait_exit(60) == -signal.SIGKILL
    assert lag(log.settings) > 0
    assert sum(committed_offsets(log.settings).values()) > 0
    while True:
        before = committed_offsets(log.settings)
        dying = ServiceProcess(log.settings, "inference", SIGNALTAPE_CRASH_AT="inference.4_offsets:1")
        assert dying.wait_exit(60) == -signal.SIGKILL, dying.tail()
        assert lag(log.settings) > 0
        assert committed_offsets(log.settings) == before, "the round that was taken is to be taken again"
        # The client sends in its own time: now and then nothing had left it yet.
        if uncommitted(log.settings):
            break
    with running(log.settings, "inference"):
        wait_taken(log.settings)
    published = published_content(log.settings)
    assert published == expected_content(log)
    shown = {message for topic in published.values() for messages in topic.values() for message in messages}
    suppressed = aborted_content(log.settings)
    assert suppressed, "no attempt was suppressed"
    assert set(suppressed) <= shown, "what was produced again is what was produced before"


def uncommitted(settings: Settings) -> int:
    """Messages in `signals` and `predictions` of transactions that have not been committed, or never will be."""
    names = TopicNames(settings.topics.prefix)
    counted = [
        sum(1 for topic in (names.signals, names.predictions) for _ in read_topic(settings, topic, isolation=isolation))
        for isolation in ("read_uncommitted", "read_committed")
    ]
    return counted[0] - counted[1]


@pytest.mark.crash
@pytest.mark.matrix
def test_killed_again_and_again(log: FeatureLog) -> None:
    """A process that dies in each life's ninth round still gets through, with nothing lost and nothing twice."""
    lives = 0
    while lag(log.settings) > 0:
        step = STEPS[lives % len(STEPS)]
        dying = ServiceProcess(log.settings, "inference", SIGNALTAPE_CRASH_AT=f"inference.{step}:9")
        try:
            wait_for(lambda: dying.poll() is not None or lag(log.settings) == 0, 60, "a life to end")  # noqa: B023
        finally:
            dying.kill()
        lives += 1
    assert lives > 2
    wait_taken(log.settings)
    assert published_content(log.settings) == expected_content(log)
