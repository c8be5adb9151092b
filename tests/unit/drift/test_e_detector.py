"""The e-detector: its recursion by hand, its bound on false alarms under ugly noise, and what breaks the bound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.drift.e_detector import DetectorBank, bounded_evidence, symmetric_evidence

pytestmark = pytest.mark.unit
ALL = np.ones(1, np.bool_)


def bank(charts: int = 1, *, threshold: float = 1e9, stakes: int = 1, lag: int = 1) -> DetectorBank:
    return DetectorBank(np.full(charts, threshold), stakes=stakes, lag=lag)


def test_recursion_by_hand() -> None:
    one = bank()
    levels = [float(one.step(day, np.array([[e]]), ALL).evidence[0]) for day, e in enumerate([0.5, 2.0, 4.0, 4.0, 4.0])]
    assert levels == [0.5, 3.0, 16.0, 68.0, 276.0]


@given(
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=40),
    st.integers(1, 4),
    st.floats(2.0, 50.0),
)
def test_streams_equal_plain_loops(values: list[float], lag: int, threshold: float) -> None:
    """Oracle: one list entry per stream, plain Python."""
    one = bank(threshold=threshold, lag=lag)
    sums, expected = [0.0] * lag, []
    for turn, e in enumerate(values):
        sums[turn % lag] = (sums[turn % lag] + 1.0) * e
        expected.append((sums[turn % lag], sums[turn % lag] >= threshold))
        if expected[-1][1]:
            sums = [0.0] * lag
    looks = [one.step(day, np.array([[e]]), ALL) for day, e in enumerate(values)]
    assert [(float(look.evidence[0]), bool(look.alarm[0])) for look in looks] == expected


@given(st.data())
@settings(max_examples=30)
def test_a_snapshot_changes_nothing_and_charts_do_not_touch_each_other(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    charts, cut = 5, data.draw(st.integers(0, 29))
    values, known = rng.uniform(0.1, 2.5, (30, charts, 2)), rng.random((30, charts)) < 0.8
    whole, resumed = (bank(charts, threshold=20, stakes=2, lag=3) for _ in range(2))
    alone = bank(1, threshold=20, stakes=2, lag=3)
    for day in range(30):
        if day == cut:
            state = resumed.snapshot()
            resumed = bank(charts, threshold=20, stakes=2, lag=3)
            resumed.restore(state)
        a, b = whole.step(day, values[day], known[day]), resumed.step(day, values[day], known[day])
        c = alone.step(day, values[day][2:3], known[day][2:3])
        for name in ("alarm", "evidence", "onset"):
            assert getattr(a, name).tolist() == getattr(b, name).tolist()
            assert getattr(a, name)[2] == getattr(c, name)[0]


def test_what_was_not_observed_waits() -> None:
    one = bank(2)
    one.step(0, np.array([[3.0], [3.0]]), np.array([True, False]))
    look = one.step(1, np.array([[2.0], [2.0]]), np.array([True, True]))
    assert look.evidence.tolist() == [8.0, 2.0]


def ugly_noise(rng: np.random.Generator, steps: int, charts: int) -> np.ndarray:
    """Symmetric, with t(2) tails and a volatility that triples for long stretches."""
    regime = np.where((np.arange(steps) // 60) % 2 == 1, 3.0, 1.0)
    return rng.standard_t(2, (steps, charts)) * regime[:, None]


def alarms(z: np.ndarray, *, threshold: float, lag: int = 1) -> int:
    stakes = np.array([0.5, 1.0])
    detector = bank(z.shape[1], threshold=threshold, stakes=2, lag=lag)
    known = np.ones(z.shape[1], np.bool_)
    return sum(int(detector.step(day, symmetric_evidence(z[day], stakes), known).alarm.sum()) for day in range(len(z)))


def test_false_alarms_keep_the_bound_under_ugly_noise() -> None:
    """At most one in A observations; 400 charts × 1,000 observations at A = 50 may alarm 8,000 times."""
    z = ugly_noise(np.random.default_rng(3), 1_000, 400)
    found = alarms(z, threshold=50)
    assert 0 < found <= 8_000


def test_overlap_breaks_the_bound_and_streams_keep_it() -> None:
    """Sums of the last 20 shocks: with one stream far too many alarms, dealt to 20 streams within the bound."""
    shocks = np.random.default_rng(4).standard_normal((2_019, 200))
    total = np.cumsum(np.vstack([np.zeros((1, 200)), shocks]), axis=0)
    z = (total[20:] - total[:-20]) / np.sqrt(20)
    bound = 200 * len(z) / 50
    assert alarms(z, threshold=50, lag=1) > 1.5 * bound
    assert alarms(z, threshold=50, lag=20) <= bound


def test_symmetric_evidence_is_an_e_value_at_the_boundary() -> None:
    z = np.array([-7.0, -1.0, -0.2, 0.2, 1.0, 7.0])
    assert np.allclose(symmetric_evidence(z, np.array([0.5, 2.0])).mean(axis=0), 1.0)


def test_bounded_evidence_is_an_e_value_for_gauss_and_coins() -> None:
    """The mean over the distribution itself, by quadrature, is at most one."""
    stakes = np.array([0.5, 1.0, 2.0])
    grid = np.linspace(-9, 9, 20_001)
    weights = np.exp(-grid * grid / 2)
    gauss = (bounded_evidence(grid, stakes, 3.0) * weights[:, None]).sum(axis=0) / weights.sum()
    assert (gauss <= 1.0).all()
    assert (bounded_evidence(np.array([-1.0, 1.0]), stakes, 3.0).mean(axis=0) <= 1.0).all()


def test_onset_is_where_the_evidence_began() -> None:
    z = np.concatenate([np.tile([-1.0, 1.0], 50), np.full(30, 1.5)])
    detector = bank(threshold=500, stakes=2)
    for day, value in enumerate(z):
        look = detector.step(day, symmetric_evidence(np.array([value]), np.array([0.5, 1.0])), ALL)
        if look.alarm[0]:
            break
    assert day >= 100
    assert 98 <= int(look.onset[0]) <= 101


@pytest.mark.parametrize(("lag", "stakes", "threshold"), [(0, 1, 10.0), (1, 0, 10.0), (1, 1, 1.0)])
def test_nonsense_is_refused(lag: int, stakes: int, threshold: float) -> None:
    with pytest.raises(ValueError, match="at least 1, every threshold above 1"):
        DetectorBank(np.array([threshold]), stakes=stakes, lag=lag)
