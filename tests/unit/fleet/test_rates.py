"""Rates between two looks: the truth where it is known, never below zero, never more than what was counted."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signaltape.fleet import Process, Series, View, rate_of, rates

SECOND = 1_000_000_000
STARTED = Series("process_start_time_seconds")


def bars(outcome: str) -> Series:
    return Series("signaltape_bars_total", (("outcome", outcome),))


def process(service: str, instance: int = 0, started: float = 1.0, pid: int = 1, **counts: float) -> Process:
    samples = {STARTED: started, Series("lag"): 5.0} | {bars(name): count for name, count in counts.items()}
    return Process(
        service=service, instance=instance, host="h", port=1, pid=pid, alive=True, ready=True, samples=samples
    )


def view(at_s: float, *processes: Process) -> View:
    return View(at_ns=round(at_s * SECOND), processes=processes)


def test_added_up_over_processes_and_apart_by_labels() -> None:
    before = view(10, process("features", first=100, late=1), process("features", 1, first=50))
    after = view(12, process("features", first=120, late=1), process("features", 1, first=60))
    found = rates(before, after)
    assert found == {bars("first"): 15.0, bars("late"): 0.0}
    assert rate_of(found, "signaltape_bars_total") == 15.0
    assert rate_of(found, "signaltape_bars_total", outcome="late") == 0.0
    assert rate_of(found, "nothing") == 0.0


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param(process("features", started=2.0, first=7), 7.0, id="restarted, counts less"),
        pytest.param(process("features", started=2.0, first=130), 130.0, id="restarted, counts more by now"),
        pytest.param(process("features", pid=2, first=130), 130.0, id="restarted within the clock's tick"),
        pytest.param(process("features", first=7), 7.0, id="a reset that nothing else shows"),
        pytest.param(process("features", first=100), 0.0, id="at rest"),
    ],
)
def test_a_restart_counts_from_zero(later: Process, expected: float) -> None:
    assert rate_of(rates(view(0, process("features", first=100)), view(1, later)), "signaltape_bars_total") == expected


def test_a_new_series_of_a_known_process_counts_and_a_new_process_does_not() -> None:
    later = view(1, process("features", first=3), process("store", first=900))
    assert rates(view(0, process("features")), later) == {bars("first"): 3.0}
    gone = view(0, replace(process("store", first=1), alive=False, samples={}))
    assert rates(gone, later) == {}


def test_no_time_no_rate() -> None:
    assert rates(view(5, process("features", first=1)), view(5, process("features", first=9))) == {}


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=12),
    looks=st.sets(st.integers(0, 11)),
)
def test_looks_never_count_more_than_happened_nor_less_without_restarts(
    steps: list[tuple[int, bool]], looks: set[int]
) -> None:
    """One second a step; at some, the process restarts and begins at zero; at some, somebody looks."""
    count, started, happened = 0, 0.0, 0
    seen = [view(0, process("features", started=started, first=0))]
    for at, (more, restarts) in enumerate(steps):
        if restarts:
            count, started = 0, started + 1
        count, happened = count + more, happened + more
        if at in looks or at == len(steps) - 1:
            seen.append(view(at + 1, process("features", started=started, first=count)))
    counted = sum(
        rate_of(rates(one, other), "signaltape_bars_total") * (other.at_ns - one.at_ns) / SECOND
        for one, other in itertools.pairwise(seen)
    )
    assert -1e-9 <= counted <= happened + 1e-6
    if not any(restarts for _, restarts in steps):
        assert counted == pytest.approx(happened)
