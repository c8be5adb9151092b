"""What becomes of rows: duplicates, corrections, late bars, conflicts, other sources, wrong places."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig, LookupMissing, RepairNeed, Step, StoredBar
from schemas.bars import BarBatch, Watermark
from schemas.intervals import DAY, HOUR, MINUTE
from schemas.partitioning import partition_of
from tests.support.engine_log import ONE, OPEN, bits, market, run

MARKET = market(1, 120, 3)


def engine_after(bars: int, config: EngineConfig = ONE) -> PartitionEngine:
    engine = PartitionEngine(config)
    run([OPEN, *(MARKET.batch(at) for at in range(bars))], engine)
    return engine


def stored(step: Step) -> dict[int, str]:
    names = ("first", "correction", "late", "secondary")
    if step.stored is None:
        return {}
    return {int(row): names[code] for row, code in zip(step.stored.rows, step.stored.status, strict=True)}


def codes(step: Step) -> list[tuple[int, str]]:
    return [(fault.row, fault.code) for fault in step.faults]


def unchanged(engine: PartitionEngine, message: BarBatch, offset: int, **found: object) -> Step:
    """Step a message that must neither yield derived messages nor touch what later bars give."""
    twin = PartitionEngine.restore(ONE, engine.snapshot())
    step = engine.step(message, offset, **found)  # type: ignore[arg-type]
    assert step.features == ()
    assert step.returns == ()
    later = [MARKET.batch(at) for at in range(100, 120)]
    assert bits(run(later, engine, offset + 1)) == bits(run(later, twin, offset + 1))
    return step


def test_a_duplicate_is_dropped_and_counted() -> None:
    step = unchanged(engine_after(50), MARKET.batch(49), 51)
    assert (step.duplicates, step.stored, step.faults, step.repairs) == (3, None, (), ())


def test_an_older_duplicate_in_the_ring_is_dropped() -> None:
    assert unchanged(engine_after(50), MARKET.batch(7), 51).duplicates == 3


def test_same_revision_with_other_content_is_a_conflict_of_that_row_only() -> None:
    batch = MARKET.batch(49)
    step = unchanged(engine_after(50), replace(batch, volume=batch.volume + np.array([0.0, 1.0, 0.0])), 51)
    assert codes(step) == [(1, "revision_conflict")]
    assert step.duplicates == 2


def test_volume_that_went_missing_is_a_conflict() -> None:
    batch = MARKET.batch(49)
    step = unchanged(engine_after(50), replace(batch, volume_valid=np.zeros(3, dtype=np.bool_)), 51)
    assert codes(step) == [(row, "revision_conflict") for row in range(3)]


def test_a_higher_revision_is_kept_and_leaves_a_repair_need() -> None:
    batch = replace(MARKET.batch(49, [1]), revision=1)
    step = unchanged(engine_after(50), batch, 51)
    assert stored(step) == {0: "correction"}
    assert step.repairs == (RepairNeed(symbol="S001", interval="1m", event_time=50 * MINUTE, reason="revision"),)


def test_a_correction_that_comes_twice_is_a_duplicate_also_after_a_restart() -> None:
    engine = engine_after(50)
    batch = replace(MARKET.batch(49, [1]), revision=1)
    engine.step(batch, 51)
    engine = PartitionEngine.restore(ONE, engine.snapshot())
    assert engine.step(batch, 52).duplicates == 1
    assert codes(engine.step(replace(batch, volume=batch.volume + 1.0), 53)) == [(0, "revision_conflict")]
    assert stored(engine.step(replace(batch, revision=2), 54)) == {0: "correction"}


def test_a_revision_below_one_already_seen_is_kept_without_a_repair() -> None:
    engine = engine_after(50)
    engine.step(replace(MARKET.batch(50, [1]), revision=3), 51)
    step = engine.step(replace(MARKET.batch(50, [1]), revision=2), 52)
    assert stored(step) == {0: "late"}
    assert step.repairs == ()


def test_a_bar_behind_the_last_that_was_never_seen_is_late() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, *(MARKET.batch(at) for at in range(50) if at != 30)], engine)
    step = unchanged(engine, MARKET.batch(30), 51)
    assert stored(step) == {0: "late", 1: "late", 2: "late"}
    assert [need.reason for need in step.repairs] == ["late"] * 3


def test_a_late_bar_that_comes_twice_is_a_duplicate() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, *(MARKET.batch(at) for at in range(50) if at != 30), MARKET.batch(30)], engine)
    assert engine.step(MARKET.batch(30), 60).duplicates == 3


def test_rows_beyond_the_ring_are_decided_by_what_is_stored() -> None:
    engine = engine_after(100)
    batch = replace(MARKET.batch(5), revision=1)
    asked = engine.needs_lookup(batch)
    assert [(one.row, one.symbol, one.event_time, one.source, one.revision) for one in asked] == [
        (row, f"S00{row}", 6 * MINUTE, "v", 1) for row in range(3)
    ]
    with pytest.raises(LookupMissing, match="row 0"):
        engine.step(batch, 101)
    same = StoredBar(
        revision=1, open=float(batch.open[0]), high=float(batch.high[0]), low=float(batch.low[0]),
        close=float(batch.close[0]), volume=float(batch.volume[0]),
    )  # fmt: skip
    found = {0: same, 1: replace(same, revision=0), 2: None}
    step = engine.step(batch, 101, found)
    assert step.duplicates == 1
    assert stored(step) == {1: "correction", 2: "late"}
    assert [need.reason for need in step.repairs] == ["revision", "late"]
    # What was decided once is remembered: the same rows again need no store, except the one that was only there.
    assert [one.row for one in engine.needs_lookup(batch)] == [0]


@pytest.mark.parametrize("at", [36, 99])
def test_rows_within_the_ring_need_no_lookup(at: int) -> None:
    assert engine_after(100).needs_lookup(replace(MARKET.batch(at), revision=1)) == ()


def test_a_short_history_is_known_whole() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, *(MARKET.batch(at) for at in range(10, 30))], engine)
    assert engine.needs_lookup(MARKET.batch(5)) == ()
    assert set(stored(engine.step(MARKET.batch(5), 40)).values()) == {"late"}


def test_one_bad_row_does_not_take_its_batch_along() -> None:
    batch = MARKET.batch(50)
    high = batch.high.copy()
    high[1] = np.nan
    step = engine_after(50).step(replace(batch, high=high), 51)
    assert codes(step) == [(1, "not_finite")]
    assert stored(step) == {0: "first", 2: "first"}
    assert step.features[0].symbols == ("S000", "S002")  # type: ignore[union-attr]


def test_a_batch_without_any_accepted_row_leaves_no_link() -> None:
    engine = engine_after(50)
    batch = MARKET.batch(50)
    step = engine.step(replace(batch, close=np.full(3, -1.0), low=np.full(3, -1.0)), 51)
    assert [code for _, code in codes(step)] == ["non_positive_price"] * 3
    assert (step.features, step.returns, step.stored) == ((), (), None)
    assert engine.step(batch, 52).features[0].link.previous == (50, 0)  # type: ignore[union-attr]


def test_a_symbol_of_another_partition() -> None:
    owner = {symbol: partition_of(symbol, 4) for symbol in (f"S{place:03}" for place in range(40))}
    mine, other = (next(s for s, p in owner.items() if (p == 2) == here) for here in (True, False))
    engine = PartitionEngine(EngineConfig(partition=2, partitions=4))
    engine.step(OPEN, 0)
    step = engine.step(replace(MARKET.batch(0, [0, 1]), symbols=(other, mine)), 1)
    assert codes(step) == [(0, "wrong_partition")]
    assert stored(step) == {1: "first"}


@pytest.mark.parametrize("before", [(), (OPEN, replace(OPEN, state="final")), (OPEN, replace(OPEN, state="timed_out"))])
def test_a_feed_that_is_not_open(before: tuple[Watermark, ...]) -> None:
    engine = PartitionEngine(ONE)
    run(before, engine)
    step = engine.step(MARKET.batch(0), 5)
    assert codes(step) == [(row, "feed_not_open") for row in range(3)]
    assert step.stored is None


def test_another_source_is_kept_without_state() -> None:
    engine = engine_after(50)
    for at in (48, 49, 50, 51):
        step = unchanged(PartitionEngine.restore(ONE, engine.snapshot()), MARKET.batch(at, source="w"), 51)
        assert stored(step) == {0: "secondary", 1: "secondary", 2: "secondary"}
        assert step.repairs == ()


def test_another_source_repeating_itself_is_a_duplicate_and_contradicting_itself_a_conflict() -> None:
    engine = engine_after(50)
    batch = MARKET.batch(50, source="w")
    engine.step(batch, 51)
    assert engine.step(batch, 52).duplicates == 3
    assert [code for _, code in codes(engine.step(replace(batch, volume=batch.volume + 1.0), 53))] == [
        "revision_conflict"
    ] * 3


def test_beyond_what_is_remembered_of_another_source_only_the_store_knows() -> None:
    engine = engine_after(2)
    for at in range(ONE.ring + 1):
        engine.step(MARKET.batch(at, [0], source="w"), 10 + at)
    forgotten, kept = MARKET.batch(0, [0], source="w"), MARKET.batch(1, [0], source="w")
    assert [one.row for one in engine.needs_lookup(forgotten)] == [0]
    assert engine.needs_lookup(kept) == ()
    assert engine.step(kept, 200).duplicates == 1
    assert stored(engine.step(forgotten, 201, {0: None})) == {0: "secondary"}


def test_an_interval_of_which_only_late_bars_came_is_looked_up_too() -> None:
    engine = PartitionEngine(ONE)
    run([OPEN, Watermark(feed=OPEN.feed, event_time=1000 * MINUTE, state="advance")], engine)
    for at in range(ONE.ring + 1):
        engine.step(MARKET.batch(at, [0]), 10 + at)
    forgotten = MARKET.batch(0, [0])
    assert [one.row for one in engine.needs_lookup(forgotten)] == [0]
    assert stored(engine.step(forgotten, 200, {0: None})) == {0: "late"}


def test_the_configured_primary_wins_even_if_it_comes_second() -> None:
    engine = PartitionEngine(EngineConfig(partition=0, partitions=1, primary_source="v"))
    engine.step(OPEN, 0)
    assert set(stored(engine.step(MARKET.batch(0, source="w"), 1)).values()) == {"secondary"}
    assert set(stored(engine.step(MARKET.batch(0), 2)).values()) == {"first"}
    assert set(stored(engine.step(MARKET.batch(1, source="w"), 3)).values()) == {"secondary"}


@pytest.mark.parametrize(
    ("first", "second", "accepted"),
    [
        (DAY + 20 * HOUR, DAY + 21 * HOUR, False),  # same UTC date
        (DAY + 20 * HOUR, 2 * DAY, False),  # midnight closes the day before
        (2 * DAY, 2 * DAY + HOUR, True),  # the next date
    ],
)
def test_one_daily_close_per_date(first: int, second: int, accepted: bool) -> None:
    engine = PartitionEngine(ONE)
    engine.step(OPEN, 0)
    daily = MARKET.batch(0, interval="1d", event_time=first)
    engine.step(daily, 1)
    step = engine.step(replace(daily, event_time=second), 2)
    assert ([code for _, code in codes(step)] == ["second_close"] * 3) is not accepted


def test_intervals_are_apart() -> None:
    engine = engine_after(40)
    step = engine.step(MARKET.batch(10, interval="5m", event_time=45 * MINUTE), 41)
    assert set(stored(step).values()) == {"first"}
    assert step.features[0].symbols == ()  # type: ignore[union-attr]


def test_an_offset_is_taken_once() -> None:
    with pytest.raises(ValueError, match="taken before"):
        engine_after(3).step(MARKET.batch(3), 3)


def test_latest_vectors_are_those_last_published() -> None:
    engine = PartitionEngine(ONE)
    steps = run([OPEN, *(MARKET.batch(at, [0, 1, 2] if at % 2 else [0, 2]) for at in range(60))], engine)
    for one in (engine, PartitionEngine.restore(ONE, engine.snapshot())):
        latest = one.latest("core", "1m")
        assert latest.symbols == ("S000", "S002")
        last = steps[-1].features[0]
        rows = [last.symbols.index(symbol) for symbol in latest.symbols]  # type: ignore[union-attr]
        assert latest.values.tobytes() == last.values[rows].tobytes()  # type: ignore[union-attr]
        assert latest.valid.tobytes() == last.valid[rows].tobytes()  # type: ignore[union-attr]
        assert latest.close.tolist() == last.close[rows].tolist()  # type: ignore[union-attr]
        assert latest.event_time.tolist() == [60 * MINUTE] * 2
        assert latest.source_offset.tolist() == [60, 60]
    assert engine.latest("core", "1d").symbols == ()
    with pytest.raises(KeyError, match="minimal"):
        engine.latest("minimal", "1m")


def test_available_time_is_the_highest_so_far_per_symbol() -> None:
    engine = PartitionEngine(ONE)
    engine.step(OPEN, 0)
    for at in range(40):
        late = 10**9 * 10**6 if at == 5 else (at + 1) * MINUTE
        engine.step(MARKET.batch(at, [0], available_time=late), 2 * at + 1)
        step = engine.step(MARKET.batch(at, [1]), 2 * at + 2)
    assert step.features[0].available_time.tolist() == [40 * MINUTE]  # type: ignore[union-attr]
    assert engine.latest("core", "1m").available_time.tolist() == [10**15, 40 * MINUTE]
