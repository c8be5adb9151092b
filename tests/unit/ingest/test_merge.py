from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.ingest.bar_clock import BarClock
from consumers.ingest.bar_groups import BarGroup, GroupKey, batches_of, key_of
from consumers.ingest.merge import PartitionMerge
from consumers.ingest.silence import SilenceWatch
from schemas.bars import Watermark
from schemas.raw_bar import RawBar

SECOND = 1_000_000_000


def group(event_time: int, since: float = 0.0, offset: int = 0) -> BarGroup:
    made = BarGroup(GroupKey(event_time, "1s", "x", 0, event_time), since)
    made.records.append(SimpleNamespace(offset=lambda: offset))
    return made


def merge_of(partitions: int, patience_s: float = 0.2) -> PartitionMerge:
    merge = PartitionMerge(patience_s)
    merge.assign(list(range(partitions)))
    return merge


def times(groups: list[BarGroup]) -> list[int]:
    return [held.key.event_time for held in groups]


def test_waits_for_a_partition_that_is_not_at_its_end() -> None:
    merge = merge_of(2)
    merge.add(0, group(10, since=5.0))
    assert merge.release(5.1) == []
    merge.read_to_end(1)
    assert times(merge.release(5.1)) == [10]


def test_exactly_at_the_end_of_patience_releases() -> None:
    merge = merge_of(2)
    merge.add(0, group(10, since=5.0))
    assert merge.release(5.199) == []
    assert times(merge.release(5.2)) == [10]


def test_oldest_close_first_over_partitions() -> None:
    merge = merge_of(3)
    for partition, moments in enumerate([[10, 30], [20], [15, 40]]):
        for moment in moments:
            merge.add(partition, group(moment))
        merge.read_to_end(partition)
    assert times(merge.release(0.0)) == [10, 15, 20, 30, 40]


def test_held_records_bound_the_commit() -> None:
    merge = merge_of(2)
    merge.add(0, group(10, since=5.0, offset=7))
    merge.add(0, group(11, since=5.0, offset=9))
    assert merge.first_held() == {0: 7}


@given(st.lists(st.lists(st.integers(1, 50)), min_size=1, max_size=4))
def test_each_partition_keeps_its_order_and_nothing_is_lost(streams: list[list[int]]) -> None:
    merge = merge_of(len(streams))
    for partition, moments in enumerate(streams):
        for place, moment in enumerate(moments):
            merge.add(partition, group(moment, offset=1000 * partition + place))
        merge.read_to_end(partition)
    offsets = [held.records[0].offset() for held in merge.release(0.0)]
    for partition, moments in enumerate(streams):
        assert [o for o in offsets if o // 1000 == partition] == [1000 * partition + p for p in range(len(moments))]


def bar(symbol: str, **changes: object) -> RawBar:
    values = {"interval": "1s", "event_time": 10 * SECOND, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}
    return RawBar(symbol=symbol, **(values | changes))  # type: ignore[arg-type]


def test_available_time_of_first_late_and_revised_bars() -> None:
    def available(raw: RawBar, newest: int) -> int:
        return key_of(raw, default_source="d", lag=2, arrival=99 * SECOND, newest=newest).available_time

    assert available(bar("A"), newest=10 * SECOND) == 10 * SECOND + 2
    assert available(bar("A"), newest=11 * SECOND) == 99 * SECOND
    assert available(bar("A", revision=1), newest=0) == 99 * SECOND
    assert available(bar("A", available_time=5), newest=99 * SECOND) == 5


def test_a_repeated_symbol_opens_another_batch() -> None:
    key = GroupKey(10 * SECOND, "1s", "x", 0, 10 * SECOND)
    first, second = BarGroup(key, 0.0), BarGroup(key, 0.0)
    first.add(bar("A", volume=5.0), "r1")
    first.add(bar("B"), "r2")
    second.add(bar("A", close=1.0), "r3")
    batches = [(p, b.symbols, b.volume_valid.tolist(), r) for p, b, r in batches_of([first, second], "f", 1)]
    assert batches == [(0, ("A", "B"), [True, False], ["r1", "r2"]), (0, ("A",), [False], ["r3"])]


def test_watermark_is_the_slowest_active_partition_and_never_goes_back() -> None:
    clock = BarClock(lateness=1, idle_s=5.0)
    clock.saw(0, 100, now=0.0)
    clock.saw(1, 60, now=0.0)
    assert clock.watermark(1.0, None) == 59
    assert clock.watermark(1.0, None) is None
    clock.saw(0, 200, now=4.9)
    assert clock.watermark(5.0, None) == 199  # partition 1 is idle from 5.0 on
    clock.saw(1, 70, now=6.0)
    assert clock.watermark(6.0, None) is None
    assert not clock.all_idle_for(5.0, 9.0)
    assert clock.all_idle_for(5.0, 11.0)


def test_the_watermark_stays_below_what_the_merge_still_holds() -> None:
    merge, clock = merge_of(2), BarClock(lateness=1, idle_s=5.0)
    for moment in (30, 20, 90):
        merge.add(0, group(moment))
        clock.saw(0, moment, now=0.0)
    assert clock.watermark(0.1, merge.oldest_held()) == 19
    merge.read_to_end(1)
    merge.release(0.1)
    assert merge.oldest_held() is None
    assert clock.watermark(0.2, merge.oldest_held()) == 89


def test_silent_feeds_are_found_and_open_again() -> None:
    watch = SilenceWatch(timeout_s=60.0)
    watch.watermark(0, Watermark(feed="f", event_time=5, state="open"), at=100.0)
    watch.watermark(1, Watermark(feed="f", event_time=5, state="advance"), at=100.0)
    watch.watermark(0, Watermark(feed="done", event_time=5, state="open"), at=0.0)
    watch.watermark(0, Watermark(feed="done", event_time=6, state="final"), at=0.0)
    assert watch.silent(160.0) == []
    watch.heard("f", 120.0)
    assert watch.silent(170.0) == []
    assert watch.silent(180.5) == [("f", {0: 5, 1: 5})]
    watch.deaf(150.0)
    assert watch.silent(210.0) == []
    assert watch.silent(210.5) == [("f", {0: 5, 1: 5})]
    watch.watermark(0, Watermark(feed="f", event_time=5, state="timed_out"), at=181.0)
    watch.watermark(1, Watermark(feed="f", event_time=5, state="timed_out"), at=181.0)
    assert watch.silent(1e9) == []


def test_batches_hold_float64_columns() -> None:
    key = GroupKey(10 * SECOND, "1s", "x", 0, 10 * SECOND)
    made = BarGroup(key, 0.0)
    made.add(bar("A", volume=2.0), "r")
    ((_, batch, _),) = batches_of([made], "f", 4)
    assert batch.close.dtype == np.float64
    assert pytest.approx(2.0) == batch.volume[0]
