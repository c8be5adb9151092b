"""The stages of a burst add up to it."""

import pytest

from signaltape.bench.burst_stages import STAGES, Burst, summary

MS = 1_000_000


def test_stages_lie_between_the_timestamps() -> None:
    bursts = [
        Burst(event_time=1, begun=1_000 * MS, ended=1_100 * MS),
        Burst(event_time=2, begun=2_000 * MS, ended=2_300 * MS),
    ]
    found = summary(bursts, features={1: 1_020, 2: 2_040}, predictions={1: 1_070, 2: 2_240})
    assert [found[stage]["p50_ms"] for stage in STAGES] == [30.0, 125.0, 45.0]
    assert found["features_to_signals"]["p99_ms"] == 198.5


def test_a_burst_without_predictions_is_no_figure() -> None:
    with pytest.raises(KeyError):
        summary([Burst(event_time=1, begun=0, ended=1)], features={1: 0}, predictions={})
