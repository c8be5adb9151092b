"""The bar times of a range, and what was announced before it."""

from pipeline.trading.section import Section
from schemas.bars import Adjustment
from signaltape.backtest.sections import BarTime, within


def bar_time(time: int, *effective: int) -> BarTime:
    splits = tuple(
        Adjustment(feed="f", source="s", symbol=f"S{at}", factor=2.0, effective_time=at, available_time=time)
        for at in effective
    )
    return BarTime(section=Section(event_time=time, bars=(), splits=splits), predictions=())


def test_a_split_announced_before_the_range_comes_with_its_first_bar_time() -> None:
    skipped: list[int] = []
    times = [bar_time(10, 5, 40), bar_time(20, 30), bar_time(30, 31), bar_time(40), bar_time(50)]
    found = list(within(times, 30, 40, lambda at: skipped.append(at.section.event_time)))
    assert skipped == [10, 20]
    assert [one.section.event_time for one in found] == [30, 40]
    assert [split.effective_time for split in found[0].section.splits] == [40, 30, 31]
    assert found[1].section.splits == ()


def test_a_range_without_anything_before_it_is_as_it_is() -> None:
    times = [bar_time(30, 31), bar_time(40)]
    assert list(within(times, 30, 99)) == times
