import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from consumers.ingest.bar_clock import BarClock
from consumers.ingest.bar_groups import BarGroup, GroupKey, batches_of
from consumers.ingest.merge import PartitionMerge
from consumers.ingest.silence import SilenceWatch
from schemas.bars import Watermark
from schemas.fields import F8Array
from schemas.partitioning import partition_of

SECOND = 1_000_000_000


def group(event_time: int, since: float = 0.0, offset: int = 0) -> BarGroup:
    return BarGroup(GroupKey(event_time, "1s", "x", 0, event_time), since, offset, 0)


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
    assert {partition: held.first_offset for partition, held in merge.first_held().items()} == {0: 7}


@given(st.lists(st.lists(st.integers(1, 50)), min_size=1, max_size=4))
def test_each_partition_keeps_its_order_and_nothing_is_lost(streams: list[list[int]]) -> None:
    merge = merge_of(len(streams))
    for partition, moments in enumerate(streams):
        for place, moment in enumerate(moments):
            merge.add(partition, group(moment, offset=1000 * partition + place))
        merge.read_to_end(partition)
    offsets = [held.first_offset for held in merge.release(0.0)]
    for partition, moments in enumerate(streams):
        assert [o for o in offsets if o // 1000 == partition] == [1000 * partition + p for p in range(len(moments))]


def block(*closes: float, volume: float = math.nan) -> F8Array:
    return np.array([*[closes] * 4, [volume] * len(closes)])


def test_a_repeated_symbol_opens_another_batch() -> None:
    key = GroupKey(10 * SECOND, "1s", "x", 0, 10 * SECOND)
    first, second = BarGroup(key, 0.0, 0, 0), BarGroup(key, 0.0, 0, 0)
    first.add(["A"], block(1.0, volume=5.0))
    first.add(["B"], block(2.0))
    second.add(["A"], block(3.0, volume=-0.0))
    batches = [
        (p, b.symbols, b.close.tolist(), b.volume_valid.tolist()) for p, b in batches_of([first, second], "f", 1)
    ]
    assert batches == [(0, ("A", "B"), [1.0, 2.0], [True, False]), (0, ("A",), [3.0], [True])]


@given(st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=30))
def test_batches_keep_every_bar_on_its_partition_and_in_its_order(symbols: list[str]) -> None:
    made = BarGroup(GroupKey(10 * SECOND, "1s", "x", 0, 10 * SECOND), 0.0, 0, 0)
    made.add(symbols, block(*map(float, range(len(symbols)))))
    found: dict[str, list[float]] = {}
    for partition, batch in batches_of([made], "f", 3):
        assert len(set(batch.symbols)) == len(batch.symbols)
        for symbol, close in zip(batch.symbols, batch.close.tolist(), strict=True):
            assert partition == partition_of(symbol, 3)
            found.setdefault(symbol, []).append(close)
    assert found == {name: [float(n) for n, one in enumerate(symbols) if one == name] for name in set(symbols)}


def clock_at_the_end(partitions: int) -> BarClock:
    clock = BarClock(lateness=1, idle_s=5.0)
    clock.assign(dict.fromkeys(range(partitions), 0), now=0.0)
    for partition in range(partitions):
        clock.read_to_end(partition)
    return clock


def saw(clock: BarClock, partition: int, event_time: int, now: float) -> None:
    clock.saw(partition, event_time, now)
    clock.read_to_end(partition)


def test_watermark_is_the_slowest_active_partition_and_never_goes_back() -> None:
    clock = clock_at_the_end(2)
    saw(clock, 0, 100, now=0.0)
    saw(clock, 1, 60, now=0.0)
    assert clock.watermark(1.0, None) == 59
    assert clock.watermark(1.0, None) is None
    saw(clock, 0, 200, now=4.9)
    assert clock.watermark(5.0, None) == 199  # partition 1 is idle from 5.0 on
    saw(clock, 1, 70, now=6.0)
    assert clock.watermark(6.0, None) is None
    assert not clock.all_idle_for(5.0, 9.0)
    assert clock.all_idle_for(5.0, 11.0)


def test_the_first_bar_after_a_silence_promises_nothing_for_the_others_at_once() -> None:
    clock = BarClock(lateness=1, idle_s=5.0, patience_s=0.2)
    clock.assign(dict.fromkeys(range(2), 0), now=0.0)
    for partition in range(2):
        clock.read_to_end(partition)
    saw(clock, 0, 100, now=10.0)
    assert clock.watermark(10.1, None) is None
    saw(clock, 1, 60, now=10.1)
    assert clock.watermark(10.25, None) == 59
    saw(clock, 0, 300, now=20.0)  # both were idle again
    assert clock.watermark(20.19, None) is None
    assert clock.watermark(20.25, None) == 299


def test_a_partition_that_was_not_read_holds_every_promise_back() -> None:
    clock = BarClock(lateness=1, idle_s=5.0)
    clock.assign({0: 0, 1: 0}, now=0.0)
    clock.saw(0, 100, now=0.0)
    assert clock.watermark(60.0, None) is None
    assert not clock.all_idle_for(5.0, 60.0)
    clock.read_to_end(1)
    assert clock.watermark(60.0, None) == 99


def test_all_partitions_are_known_once_each_has_a_bar_or_an_end() -> None:
    clock = BarClock(lateness=1, idle_s=5.0)
    clock.assign({0: 0, 1: 0}, now=0.0)
    seen = [clock.knows_all]
    clock.saw(0, 100, now=0.0)
    seen.append(clock.knows_all)
    clock.read_to_end(1)
    seen.append(clock.knows_all)
    assert seen == [False, False, True]


def test_a_partition_that_is_behind_is_not_idle_however_long_its_bars_take() -> None:
    clock = clock_at_the_end(2)
    clock.saw(1, 60, now=0.0)
    saw(clock, 0, 500, now=20.0)
    assert clock.watermark(20.0, None) == 59
    clock.read_to_end(1)
    assert clock.watermark(20.0, None) == 499


def test_what_was_known_before_a_restart_bounds_the_promise() -> None:
    clock = BarClock(lateness=1, idle_s=5.0)
    clock.assign({0: 90, 1: 60}, now=0.0)
    assert clock.knows_all
    assert (clock.newest(0), clock.newest(1)) == (90, 60)
    clock.saw(0, 100, now=0.0)
    assert clock.watermark(30.0, None) == 59


def test_the_watermark_stays_below_what_the_merge_still_holds() -> None:
    merge, clock = merge_of(2), clock_at_the_end(2)
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
