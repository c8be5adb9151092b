"""Each rule about the order of steps, broken on purpose: the comparison must turn red."""

import signal

import pytest

from infra.settings import Settings
from pipeline.chain import ChainGap
from pipeline.engine import PartitionEngine
from signaltape.initialisation import initialise
from tests.support.feature_runs import (
    effect_offsets,
    expected_outcome,
    found_outcome,
    high_offsets,
    plain_log,
    write_log,
)
from tests.support.forked import start_module
from tests.support.isolation import process_environment
from tests.support.services import ServiceProcess
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

SMALL = {"round_messages": 20, "snapshot_messages": 60, "snapshot_s": 3600.0, "session_timeout_s": 2.5}
#: Fault → when it strikes, and which part of the outcome shows it.
CASES = {
    "commit before the snapshot": (3, "features"),
    "checkpoint outside the transaction": (6, "bars"),
    "publish after the database": (6, "chain"),
}


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=[pytest.mark.matrix] if at else []) for at, fault in enumerate(CASES)]
)
def test_the_comparison_turns_red(make_settings, fault: str) -> None:
    count, shows = CASES[fault]
    settings: Settings = make_settings(features=SMALL)
    initialise(settings)
    write_log(settings, plain_log(4, rows=3, bars=40))
    environment = process_environment(settings, SIGNALTAPE_CRASH_AT=f"planted:{count}")
    settings.home.mkdir(parents=True, exist_ok=True)
    log = settings.home / "planted.log"
    died = start_module("tests.support.planted_faults", [fault], environment, log)
    died.join(120)
    assert died.exitcode == -signal.SIGKILL, log.read_text()[-2000:]
    restarted = ServiceProcess(settings, "features")
    goal = high_offsets(settings)
    wait_for(lambda: restarted.poll() is not None or effect_offsets(settings) == goal, 60, "the restarted agent")
    if restarted.poll() is None:
        assert restarted.stop() == 0
    assert shows in red_parts(settings), restarted.tail()


def red_parts(settings: Settings) -> str:
    """Names of the parts that differ from the expectation."""
    engines: dict[int, PartitionEngine] = {}
    expected = expected_outcome(settings, engines)
    try:
        return "\n".join(expected.differences(found_outcome(settings, engines)))
    except ChainGap:
        return "chain"
