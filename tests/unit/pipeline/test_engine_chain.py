"""P1: one chain per partition over everything derived; P2: watermarks; P10: returns; P9: splits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.chain import Chain, ChainGap, Fence
from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import EngineConfig
from pipeline.watermarks import FeedTable
from schemas.bars import Adjustment, Watermark
from schemas.control import ControlEvent
from schemas.intervals import MINUTE
from schemas.link import Link
from tests.support.engine_log import ONE, OPEN, bits, feature_batches, market, return_batches, run

MARKET = market(2, 60, 4)
PRICES = ("open", "high", "low", "close")
BOTH = EngineConfig(partition=0, partitions=1, feature_sets=("core", "minimal"))
EVENT = ControlEvent(event_id="e", action="pause", effective_from=0, issued_at=0, issued_by="t")


@settings(max_examples=30, deadline=None)
@given(kinds=st.lists(st.sampled_from("bbbbbdwcn"), min_size=1, max_size=40), gaps=st.lists(st.integers(1, 5)))
def test_chains_have_no_gap_and_no_double(kinds: list[str], gaps: list[int]) -> None:
    """Bars, duplicates, watermarks, control events and bars of an unknown feed, at offsets with holes."""
    engine, offset, at = PartitionEngine(BOTH), 0, 0
    engine.step(OPEN, 0)
    fences = Fence((0, 0)), Fence((0, 0))
    for number, kind in enumerate(kinds):
        offset += gaps[number % len(gaps)] if gaps else 1
        messages: dict[str, LogMessage] = {
            "b": MARKET.batch(at),
            "d": MARKET.batch(max(at - 1, 0)),
            "w": replace(OPEN, state="advance", event_time=1),
            "c": EVENT,
            "n": MARKET.batch(at, feed="unknown"),
        }
        step = engine.step(messages[kind], offset)
        at += kind == "b" or (kind == "d" and at == 0)
        for fence, group in zip(fences, (step.features, step.returns), strict=True):
            for part, one in enumerate(group):
                assert one.link is not None
                assert one.link.position == (offset, part)
                assert one.link.last_part == len(group) - 1
                assert one.link.closes_source == (part == len(group) - 1)
                assert fence.take(one.link)
                assert not fence.take(one.link)
        assert len(step.features) == {"b": 2, "d": 0 if step.duplicates else 2, "w": 1, "c": 1, "n": 0}[kind]


def test_a_fence_stops_on_a_gap_and_drops_what_it_has() -> None:
    first, second, third = Chain().links(7, 3)
    fence = Fence()
    assert fence.take(first)
    with pytest.raises(ChainGap, match=r"\(7, 0\)"):
        fence.take(third)
    assert fence.position == (7, 0)
    assert fence.take(second)
    assert not fence.take(first)


def test_a_reader_without_a_fence_takes_only_the_first_message_of_a_chain() -> None:
    with pytest.raises(ChainGap):
        Fence().take(Link(position=(9, 0), last_part=0, previous=(8, 0)))


def test_a_control_event_goes_to_features_only_and_a_watermark_to_both() -> None:
    engine = PartitionEngine(ONE)
    opened, event = engine.step(OPEN, 3), engine.step(EVENT, 4)
    assert (len(opened.features), len(opened.returns), opened.log_event) == (1, 1, True)
    assert (len(event.features), len(event.returns), event.log_event) == (1, 0, True)
    assert event.features[0].link == Link(position=(4, 0), last_part=0, previous=(3, 0))
    assert replace(event.features[0], link=None) == EVENT  # type: ignore[type-var]


def test_live_batches_follow_the_table_of_sets_empty_ones_included() -> None:
    step = run([OPEN, *(MARKET.batch(at) for at in range(25))], PartitionEngine(BOTH))[-1]
    core, minimal = step.features
    assert (core.feature_set, len(core.symbols), core.values.shape) == ("core", 0, (0, 34))  # type: ignore[union-attr]
    assert (minimal.feature_set, len(minimal.symbols)) == ("minimal", 4)  # type: ignore[union-attr]


def test_a_set_has_the_same_values_alone_and_beside_another() -> None:
    messages = [OPEN, *(MARKET.batch(at) for at in range(60))]
    both = bits(run(messages, PartitionEngine(BOTH)))
    for name in ("core", "minimal"):
        config = EngineConfig(partition=0, partitions=1, feature_sets=(name,))
        alone = {
            key: value for key, value in bits(run(messages, PartitionEngine(config))).items() if key[0] == "feature"
        }
        assert alone == {key: value for key, value in both.items() if key[:2] == ("feature", name)}


def mark(feed: str, time: int, state: str = "advance") -> Watermark:
    return Watermark(feed=feed, event_time=time, state=state)


@pytest.mark.parametrize(
    ("messages", "time"),
    [
        ([], None),  # no open feed holds nothing back
        ([mark("a", 5, "open")], 5),
        ([mark("a", 5, "open"), mark("b", 3, "open")], 3),  # the minimum
        ([mark("a", 5, "open"), mark("a", 9), mark("b", 3, "open"), mark("b", 12)], 9),
        ([mark("a", 5, "open"), mark("a", 9), mark("a", 7)], 9),  # never backwards
        ([mark("a", 5, "open"), mark("b", 3, "open"), mark("b", 3, "final")], 5),
        ([mark("a", 5, "open"), mark("b", 3, "open"), mark("b", 3, "timed_out")], 5),
        ([mark("a", 5, "open"), mark("a", 9, "final")], None),
        ([mark("a", 5, "open"), mark("b", 8)], 5),  # an advance of a feed that isn't open
    ],
)
def test_partition_time(messages: list[Watermark], time: int | None) -> None:
    table = FeedTable()
    for message in messages:
        table.receive(message)
    assert table.partition_time == time
    assert FeedTable.restore(table.state()).partition_time == time


def test_a_feed_that_was_timed_out_owes_what_others_passed() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, mark("g", 0, "open"), MARKET.batch(0), mark("f", MINUTE, "timed_out"), mark("g", 9 * MINUTE)], engine)
    assert engine.step(MARKET.batch(1), 5).faults[0].code == "feed_not_open"
    engine = PartitionEngine.restore(ONE, engine.snapshot())
    assert engine.step(mark("f", MINUTE, "open"), 6).features[0].partition_time == 9 * MINUTE  # type: ignore[union-attr]
    late = engine.step(MARKET.batch(8), 7)
    assert [need.reason for need in late.repairs] == ["late"] * 4
    assert engine.step(MARKET.batch(8), 8).duplicates == 4
    assert engine.step(MARKET.batch(9), 9).features


def test_a_bar_behind_its_own_feeds_promise_is_late() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, MARKET.batch(0), mark("f", 5 * MINUTE)], engine)
    step = engine.step(MARKET.batch(3), 3)
    assert step.features == ()
    assert [need.reason for need in step.repairs] == ["late"] * 4
    assert engine.step(MARKET.batch(5), 4).features


def test_a_final_feed_starts_afresh() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, MARKET.batch(9, [0]), mark("f", 10 * MINUTE), mark("f", 10 * MINUTE, "final"), OPEN], engine)
    assert engine.step(MARKET.batch(3, [1]), 5).features


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 500), bars=st.integers(1, 50), gaps=st.sampled_from([0.0, 0.3]))
def test_returns_have_their_closed_form_and_their_values(seed: int, bars: int, gaps: float) -> None:
    source = market(seed, bars, 4, gaps=gaps)
    batches = [source.batch(at) for at in range(bars) if source.present[at].any()]
    made = return_batches(run([OPEN, *batches]))
    count = source.present.sum(axis=0)
    for horizon in (1, 5, 20):
        mine = [one for one in made if one.horizon == horizon]
        assert all(one.symbols for one in mine)
        assert sum(len(one.symbols) for one in mine) == int(np.maximum(0, count - horizon).sum())
        for one in mine:
            for row, symbol in enumerate(one.symbols):
                place = source.symbols.index(symbol)
                times = np.flatnonzero(source.present[:, place])
                now = int(np.flatnonzero((times + 1) * MINUTE == one.event_time)[0])
                assert one.prediction_time[row] == (times[now - horizon] + 1) * MINUTE
                close = source.close[times, place]
                assert one.log_return[row] == np.log(close[now]) - np.log(close[now - horizon])


def split(symbol: str, factor: float, at: int) -> Adjustment:
    return Adjustment(
        feed="f", source="v", symbol=symbol, factor=factor, effective_time=at * MINUTE, available_time=at * MINUTE
    )


@pytest.mark.parametrize("factor", [2.0, 4.0])
@pytest.mark.parametrize("at", [3, 20, 45])
def test_features_and_returns_do_not_see_a_split(at: int, factor: float) -> None:
    """Raw bars with a split in the log equal bars in units of the newest share."""
    after = (np.arange(60) >= at)[:, None]
    raw = replace(
        MARKET,
        **{
            name: np.where(after, getattr(MARKET, name) / factor, getattr(MARKET, name))
            for name in ("open", "high", "low", "close")
        },
        volume=np.where(after, MARKET.volume * factor, MARKET.volume),
    )
    adjusted = replace(
        MARKET,
        **{name: getattr(MARKET, name) / factor for name in PRICES},
        volume=MARKET.volume * factor,
    )
    events = [split(symbol, factor, at) for symbol in MARKET.symbols]
    ours = run([OPEN, *events, *(raw.batch(bar) for bar in range(60))])
    theirs = run(
        [OPEN, *events, *(adjusted.batch(bar) for bar in range(60))][:1] + [adjusted.batch(b) for b in range(60)]
    )
    for mine, other in zip(feature_batches(ours), feature_batches(theirs), strict=True):
        if mine.event_time > at * MINUTE:
            assert mine.symbols == other.symbols
            assert np.allclose(mine.values, other.values, rtol=1e-12, atol=1e-12)
            assert mine.valid.tolist() == other.valid.tolist()
    for back, other_back in zip(return_batches(ours), return_batches(theirs), strict=True):
        assert np.allclose(back.log_return, other_back.log_return, rtol=0, atol=1e-14)


def test_a_split_yields_no_link_and_is_kept_in_the_log() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, MARKET.batch(0)], engine)
    step = engine.step(split("S000", 2.0, 5), 2)
    assert (step.features, step.returns, step.repairs, step.log_event) == ((), (), (), True)


def test_a_split_behind_the_last_bar_is_late_and_leaves_state_alone() -> None:
    engine, twin = PartitionEngine(ONE), PartitionEngine(ONE)
    for one in (engine, twin):
        run([OPEN, *(MARKET.batch(at) for at in range(40))], one)
    step = engine.step(split("S001", 2.0, 20), 41)
    assert [(need.symbol, need.interval, need.event_time, need.reason) for need in step.repairs] == [
        ("S001", "1m", 20 * MINUTE, "late_split")
    ]
    later = [MARKET.batch(at) for at in range(40, 60)]
    assert bits(run(later, engine, 42)) == bits(run(later, twin, 42))


def test_a_split_at_the_last_bars_own_time_is_in_time() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, *(MARKET.batch(at) for at in range(40))], engine)
    assert engine.step(split("S001", 2.0, 40), 41).repairs == ()
    back = engine.step(MARKET.batch(40, [1]), 42).returns[0]
    expected = np.log(MARKET.close[40, 1]) - np.log(MARKET.close[39, 1] / 2.0)
    assert back.log_return[0] == expected  # type: ignore[union-attr]


def test_repeated_and_contradicting_splits() -> None:
    engine = PartitionEngine(ONE)
    engine.step(split("S000", 2.0, 5), 0)
    assert engine.step(split("S000", 2.0, 5), 1).duplicates == 1
    step = engine.step(split("S000", 3.0, 5), 2)
    assert ([fault.code for fault in step.faults], step.log_event) == (["revision_conflict"], False)
    assert [fault.code for fault in engine.step(split("S000", 0.0, 9), 3).faults] == ["bad_factor"]


def test_two_splits_between_two_bars_multiply() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, MARKET.batch(0, [0]), split("S000", 3.0, 6), split("S000", 7.0, 4)], engine)
    back = engine.step(MARKET.batch(9, [0]), 4).returns[0]
    expected = np.log(MARKET.close[9, 0]) - np.log(MARKET.close[0, 0] / (7.0 * 3.0))
    assert back.log_return[0] == expected  # type: ignore[union-attr]


def test_a_split_takes_effect_after_its_time_even_beside_an_earlier_one() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, MARKET.batch(0, [0]), split("S000", 2.0, 3), split("S000", 5.0, 10)], engine)
    close = MARKET.close[:, 0]
    at_its_time = engine.step(MARKET.batch(9, [0]), 4).returns[0]
    assert at_its_time.log_return[0] == np.log(close[9]) - np.log(close[0] / 2.0)  # type: ignore[union-attr]
    engine = PartitionEngine.restore(ONE, engine.snapshot())
    after = engine.step(MARKET.batch(10, [0]), 5).returns[0]
    assert after.log_return[0] == np.log(close[10]) - np.log(close[9] / 5.0)  # type: ignore[union-attr]
