"""Each rule of the inference's exactly-once, broken on purpose: the comparison turns red, or the successor refuses."""

import signal
from multiprocessing.context import ForkServerProcess

import pytest

from infra.settings import Settings
from tests.support.feature_log import (
    PATIENT,
    FeatureLog,
    expected_content,
    lag,
    published_content,
    register_model,
)
from tests.support.forked import start_module
from tests.support.isolation import process_environment
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

#: Fault → how it shows: signals that are missing, signals that come again, or a refusal to go on.
CASES = {
    "offsets before the signals": "lost",
    "offsets after the signals": "refused",
    "router state forgotten": "again",
}


def start(settings: Settings, fault: str, **environment: str) -> ForkServerProcess:
    place, log = process_environment(settings, **environment), settings.home / "planted.log"
    return start_module("tests.support.planted_inference", [fault], place, log)


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=[pytest.mark.matrix] if at else []) for at, fault in enumerate(CASES)]
)
def test_the_comparison_turns_red(make_settings, tmp_path, fault: str) -> None:
    settings: Settings = make_settings(inference=PATIENT.model_dump())
    settings.home.mkdir(parents=True, exist_ok=True)
    log = FeatureLog(settings)
    register_model(settings, tmp_path / "model")
    log.control("activate", strategy="alpha", model="linear", model_version=1)
    for at in range(40):
        log.bar(at)
    log.flush()
    died = start(settings, fault, SIGNALTAPE_CRASH_AT="planted:3")
    died.join(60)
    assert died.exitcode == -signal.SIGKILL
    assert lag(settings) > 0
    restarted = start(settings, fault)
    try:
        wait_for(lambda: restarted.exitcode is not None or lag(settings) == 0, 60, "the restarted consumer")
    finally:
        restarted.kill()
        restarted.join()
    assert verdict(log) == CASES[fault]


def verdict(log: FeatureLog) -> str:
    """How the comparison that `test_exactly_once` makes turns out."""
    if "beyond the committed" in (log.settings.home / "planted.log").read_text():
        return "refused"
    expected, found = expected_content(log), published_content(log.settings)
    ours, theirs = (
        [message for part in content["signals"].values() for message in part] for content in (expected, found)
    )
    if expected == found:
        return "equal"
    return "lost" if len(theirs) < len(ours) else "again"
