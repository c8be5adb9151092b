"""Samples for plots: bounded, whatever the length, and no extreme is lost."""

from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.trading.results import Stepped
from signaltape.backtest.prices import PriceSample
from signaltape.backtest.sampling import EquitySample
from tests.support.backtests import minute_closes, sections


def line(number: int, equity: float, gross: float = 0.0, net: float = 0.0) -> Stepped:
    return Stepped(
        event_time=number + 1, equity=equity, cash=0.0, gross_exposure=gross, net_exposure=net, traded=0.0,
        commission=0.0, slippage=0.0, held=0,
    )  # fmt: skip


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=300), st.integers(1, 8))
def test_no_extreme_is_lost(equities: list[float], points: int) -> None:
    sample = EquitySample(1_000.0, points=points)
    for number, equity in enumerate(equities):
        sample.add(line(number, equity))
    course = sample.course()
    assert 1 <= len(course.equity) <= 2 * points
    assert (course.low.min(), course.high.max()) == (min(equities), max(equities))
    peaks = list(accumulate([1_000.0, *equities], max))[1:]
    assert course.drawdown.max() == max(1 - equity / peak for equity, peak in zip(equities, peaks, strict=True))
    assert course.equity.tolist() == [equities[at] for at in course.number.tolist()]
    assert course.number[-1] == len(equities) - 1
    assert course.event_time.tolist() == [at + 1 for at in course.number.tolist()]


def test_exposure_is_the_mean_over_the_bar_times_of_a_point() -> None:
    sample = EquitySample(100.0, points=1)
    for number, (gross, net) in enumerate([(50, 50), (100, -100), (0, 0), (50, 0)]):
        sample.add(line(number, 100.0, gross, net))
    course = sample.course()
    assert course.number.tolist() == [1, 3]
    assert course.gross.tolist() == [0.75, 0.25]
    assert course.net.tolist() == [-0.25, 0.0]


def test_an_account_without_equity_has_no_exposure() -> None:
    sample = EquitySample(100.0)
    sample.add(line(0, -5.0, 10.0, 10.0))
    assert (sample.course().gross[0], sample.course().drawdown[0]) == (0.0, 1.05)


@pytest.mark.parametrize("length", [1, 19, 20, 21, 390])
def test_prices_are_those_of_evenly_chosen_bar_times(length: int) -> None:
    taken = list(sections(minute_closes(1, length), symbols=3, interval="1m"))
    sample = PriceSample(points=10)
    for section in taken:
        sample.add(section)
    one, unknown = sample.courses(["S0001", "nobody"])
    assert len(unknown.close) == 0
    assert 1 <= len(one.close) <= 20
    times = [section.event_time for section in taken]
    chosen = [times.index(time) for time in one.event_time.tolist()]
    assert chosen[0] == 0
    assert len({b - a for a, b in pairwise(chosen)}) <= 1
    np.testing.assert_allclose(one.close, [taken[at].bars[0].close[1] for at in chosen], rtol=1e-6)
