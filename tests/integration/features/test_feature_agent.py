"""The feature agent on real servers leaves what the engine in one process computes, bit for bit."""

from infra.settings import Settings
from signaltape.initialisation import initialise
from tests.support.feature_runs import assert_as_expected, plain_log, wait_done, write_log
from tests.support.services import running


def test_a_clean_run_equals_the_engine(settings: Settings) -> None:
    initialise(settings)
    write_log(settings, plain_log(4, rows=3))
    with running(settings, "features") as started:
        wait_done(settings)
        assert started["features"].stop() == 0
    expected = assert_as_expected(settings)
    assert len(expected.features) > 500
    assert len(expected.returns) > 1_000
    assert sum(row[-1] != 0 for row in expected.bars) > 20, "marks are compared as well"
