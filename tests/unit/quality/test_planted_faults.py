"""One planted fault of each kind in a steady market, and what must not be taken for one."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.engine import LogMessage
from pipeline.quality.marks import QualityOptions
from schemas.bars import Adjustment, BarBatch
from schemas.intervals import DAY, MINUTE
from tests.support.bar_marks import marks_of
from tests.support.engine_log import OPEN, run

#: A Monday.
START = 19_723 * DAY
OPENING, CLOSING = 871, 940


def bar(time: int, close: float, *, spread: float = 0.01, volume: float = 100.0, interval: str = "1m") -> BarBatch:
    one = np.ones(1)
    return BarBatch(
        feed="f", source="v", interval=interval, event_time=time, available_time=time, symbols=("S",),
        open=one * close, high=one * (close + spread), low=one * (close - spread), close=one * close,
        volume=one * volume, volume_valid=np.ones(1, dtype=np.bool_),
    )  # fmt: skip


def steady(times: Iterable[int], interval: str = "1m") -> dict[int, BarBatch]:
    """Bars that go up and down by 0.1 %."""
    return {time: bar(time, 100.0 + 0.1 * (place % 2), interval=interval) for place, time in enumerate(times)}


def session(day: int, first: int = OPENING, last: int = CLOSING) -> list[int]:
    return [START + day * DAY + minute * MINUTE for minute in range(first, last + 1)]


def marked(bars: dict[int, BarBatch], *others: LogMessage) -> list[tuple[int, str]]:
    """(time, kinds) of every marked bar."""
    messages = [OPEN, *others, *(bars[time] for time in sorted(bars))]
    found = marks_of(messages, run(messages))
    return sorted((time, "+".join(sorted(kinds))) for (_, time, _), kinds in found.items() if kinds)


def at(day: int, minute: int) -> int:
    return START + day * DAY + minute * MINUTE


WEEKDAYS = [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18]


def market(days: Iterable[int] = WEEKDAYS) -> dict[int, BarBatch]:
    return steady(time for day in days for time in session(day))


def test_a_steady_market_has_no_marks_nights_and_weekends_included() -> None:
    assert marked(market()) == []


def test_missing_bars_are_a_gap_at_the_bar_after_them() -> None:
    bars = market([0, 1])
    for minute in (900, 901):
        del bars[at(1, minute)]
    assert marked(bars) == [(at(1, 902), "gap")]


def test_a_late_opening_and_an_early_closing_are_gaps() -> None:
    late = market(WEEKDAYS[:6]) | steady(session(8, first=OPENING + 2))
    assert marked(late) == [(at(8, OPENING + 2), "gap")]
    early = market(WEEKDAYS[:6]) | steady(session(8, last=CLOSING - 2)) | steady(session(9))
    assert marked(early) == [(at(9, OPENING), "gap")]


def test_a_session_that_is_missing_is_a_gap() -> None:
    assert marked(market([day for day in WEEKDAYS if day != 16])) == [(at(17, OPENING), "gap")]


def test_a_daily_pause_becomes_a_habit_on_its_third_day() -> None:
    bars = steady(time for day in WEEKDAYS for time in [*session(day, last=900), *session(day, first=921)])
    assert marked(bars) == [(at(day, 921), "gap") for day in (0, 1)]
    late = at(10, 921)
    del bars[late]
    assert marked(bars)[2:] == [(late + MINUTE, "gap")]


def test_a_symbol_that_seldom_trades_is_measured_by_its_own_habit() -> None:
    bars = {time: one for place, (time, one) in enumerate(market([0, 1]).items()) if place % 3 == 0}
    assert marked(bars) == []
    times = sorted(bars)
    for time in times[40:43]:
        del bars[time]
    assert marked(bars) == [(times[43], "gap")]


def test_a_jump_is_a_spike_there_and_back() -> None:
    bars = market([0])
    bars[at(0, 900)] = bar(at(0, 900), 103.0)
    assert marked(bars) == [(at(0, 900), "spike"), (at(0, 901), "spike")]


def test_the_same_jump_over_a_night_is_none() -> None:
    bars = market([0]) | {time: replace(one, close=one.close * 1.03, high=one.high * 1.03, low=one.low * 1.03,
                                        open=one.open * 1.03) for time, one in market([1]).items()}  # fmt: skip
    assert marked(bars) == []


def test_a_split_is_no_spike_if_it_is_announced() -> None:
    def halved(one: BarBatch) -> BarBatch:
        return replace(one, open=one.open / 2, high=one.high / 2, low=one.low / 2, close=one.close / 2)

    split_time = at(0, 900)
    bars = {time: halved(one) if time > split_time else one for time, one in market([0]).items()}
    split = Adjustment(feed="f", source="v", symbol="S", factor=2.0, effective_time=split_time, available_time=1)
    assert marked(bars, split) == []
    assert marked(bars) == [(split_time + MINUTE, "spike")]


@pytest.mark.parametrize(("length", "expected"), [(9, []), (10, [909]), (12, [909, 910, 911])])
def test_a_price_that_stands_still_is_stale_from_the_tenth_bar_on(length: int, expected: list[int]) -> None:
    bars = market([0])
    for minute in range(900, 900 + length):
        bars[at(0, minute)] = bar(at(0, minute), 100.1, spread=0.0)
    assert marked(bars) == [(at(0, minute), "stale") for minute in expected]


def test_a_price_that_stands_still_with_a_range_is_not_stale() -> None:
    assert marked({time: bar(time, 100.0) for time in session(0)}) == []


def test_a_volume_of_zero_is_told_from_one_that_is_missing() -> None:
    bars = market([0])
    bars[at(0, 880)] = bar(at(0, 880), 100.0, volume=0.0)
    unknown = bar(at(0, 890), 100.0, volume=0.0)
    bars[at(0, 890)] = replace(unknown, volume_valid=np.zeros(1, dtype=np.bool_))
    assert marked(bars) == [(at(0, 880), "zero_volume")]


def test_daily_bars_know_weekends_and_see_holidays() -> None:
    days = [day for day in range(60) if day % 7 < 5]
    bars = steady((START + day * DAY + 1260 * MINUTE for day in days), "1d")
    assert marked(bars) == []
    del bars[START + 45 * DAY + 1260 * MINUTE]
    assert marked(bars) == [(START + 46 * DAY + 1260 * MINUTE, "gap")]


def test_other_rows_than_firsts_are_marked_for_zero_volume_only() -> None:
    bars = market([0])
    messages: list[LogMessage] = [OPEN, *bars.values()]
    late = replace(bar(at(0, 900), 500.0, volume=0.0), revision=1)
    other = replace(bar(at(0, 900), 500.0), source="w")
    messages += [late, other]
    steps = run(messages)
    found = [
        step.stored.marks.tolist() for step in steps[-2:] if step.stored is not None and step.stored.marks is not None
    ]
    assert found == [[8], [0]]


@pytest.mark.parametrize(
    "wrong",
    [{"spike_z": 0.0}, {"spike_floor": float("nan")}, {"stale_bars": 21}, {"stale_bars": 1}, {"gap_factor": -1.0}],
)
def test_thresholds_that_can_decide_nothing_are_refused(wrong: dict[str, float]) -> None:
    make: Callable[..., QualityOptions] = QualityOptions
    with pytest.raises(ValueError, match="must"):
        make(**wrong)
