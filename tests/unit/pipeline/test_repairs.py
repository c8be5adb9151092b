"""P7, P9: whatever comes late or revised, repairs end in the bits of the clean history."""

from dataclasses import replace

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig, UnsupportedMessage
from schemas.bars import Adjustment, StateRepair
from schemas.intervals import MINUTE
from tests.support.engine_log import ONE, OPEN, Market, bits, feature_batches, market, run
from tests.support.repair_world import RepairWorld, clean

MARKET = market(11, 150, 2)
SMALL = EngineConfig(partition=0, partitions=1, feature_sets=("minimal", "core"), ring=24)


def split(symbol: str, factor: float, at: int, seen: int) -> Adjustment:
    return Adjustment(
        feed="f", source="v", symbol=symbol, factor=factor, effective_time=at * MINUTE, available_time=seen * MINUTE
    )


def moved(source: Market, at: int, column: int, revision: int) -> object:
    """A later revision of a bar: other prices, other volume, known three bars later."""
    batch = source.batch(at, [column])
    factor = 1.0 + 0.001 * revision
    prices = {name: getattr(batch, name) * factor for name in ("open", "high", "low", "close")}
    return replace(
        batch, revision=revision, available_time=batch.available_time + 3 * MINUTE, volume=batch.volume + 1.0, **prices
    )


def play(config: EngineConfig, ops: list[tuple[int, int]], skew: int = 0) -> RepairWorld:
    """Run operations: (kind, number). Repairs are computed at one place and arrive at a later one."""
    world = RepairWorld(config=config, skew=skew)
    held: list[tuple[int, int]] = []
    seen: list[list[int]] = [[], []]
    revisions: dict[tuple[int, int], int] = {}
    in_flight: list[StateRepair] = []
    at = 0
    for kind, number in ops:
        column = number % 2
        past = seen[column]
        if kind <= 5 or not past:
            for _ in range(1 + number % 4):
                skip = number % 7 == 3
                columns = [1 - column] if skip else [0, 1]
                if skip:
                    held.append((at, column))
                for one in columns:
                    seen[one].append(at)
                world.step(MARKET.batch(at, columns))
                at += 1
        elif kind == 6:
            time = past[-1 - number % min(len(past), 40)]
            revisions[time, column] = revisions.get((time, column), 0) + 1
            world.step(moved(MARKET, time, column, revisions[time, column]))  # type: ignore[arg-type]
        elif kind == 7 and held:
            time, column = held.pop(number % len(held))
            world.step(replace(MARKET.batch(time, [column]), available_time=(at + 1) * MINUTE))
            seen[column].append(time)
            seen[column].sort()
        elif kind == 8:
            time = max(0, at + 2 - number % 30)
            world.step(split(MARKET.symbols[column], (2.0, 3.0, 0.5)[number % 3], time, at))
        elif kind == 9:
            in_flight += world.repairs()
        elif in_flight:
            world.step(in_flight.pop(0))
        if kind == 10 and number % 3 == 0:
            world.engine = PartitionEngine.restore(config, world.engine.snapshot())
    for repair in in_flight:
        world.step(repair)
    world.settle()
    return world


@settings(max_examples=40, deadline=None)
@given(ops=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 59)), max_size=36), small=st.booleans())
def test_any_interleaving_ends_in_the_clean_history(ops: list[tuple[int, int]], small: bool) -> None:
    ops = [(0, number) for number in (59, 55, 51)] * 3 + ops
    world = play(SMALL if small else ONE, ops)
    assert world.current() == clean(world).current()
    assert world.engine.repairs.awaiting == ()
    # Later bars go on from the repaired state.
    for at in range(146, 149):
        world.step(MARKET.batch(at))
    assert world.current() == clean(world).current()


@settings(max_examples=15, deadline=None)
@given(ops=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 59)), max_size=30))
def test_what_a_set_yields_does_not_depend_on_those_beside_it(ops: list[tuple[int, int]]) -> None:
    ops = [(0, number) for number in (59, 55, 51)] * 3 + ops
    both = play(SMALL, ops)
    for name in SMALL.feature_sets:
        alone = play(replace(SMALL, feature_sets=(name,)), ops)
        assert {key: rows for key, rows in both.features.items() if key[0] == name} == alone.features
        offsets = [world.engine.latest(name, "1m").source_offset.tolist() for world in (both, alone)]
        assert offsets[0] == offsets[1]


def test_a_set_whose_last_vector_did_not_change_is_not_published_again() -> None:
    """A revision beyond every window moves what is recursive in `core`, and nothing of `minimal`."""
    world = RepairWorld(config=SMALL)
    for at in range(90):
        world.step(MARKET.batch(at))
    world.step(moved(MARKET, 50, 1, 1))  # type: ignore[arg-type]
    (repair,) = world.repairs()
    (batch,) = (one for one in world.step(repair).features)
    assert (batch.feature_set, batch.kind) == ("core", "correction")  # type: ignore[union-attr]
    restored = PartitionEngine.restore(SMALL, world.engine.snapshot())
    for engine in (world.engine, restored):
        assert engine.latest("core", "1m").source_offset.tolist() == [90, 92]
        assert engine.latest("minimal", "1m").source_offset.tolist() == [90, 90]


def one_correction(skew: int = 0) -> RepairWorld:
    world = RepairWorld(skew=skew)
    for at in range(60):
        world.step(MARKET.batch(at))
    world.step(moved(MARKET, 50, 1, 1))  # type: ignore[arg-type]
    made = world.repairs()
    for at in range(60, 65):
        world.step(MARKET.batch(at))
    for repair in made:
        world.step(repair)
    return world


def test_a_correction_is_repaired_while_bars_go_on() -> None:
    world = one_correction()
    (outcome,) = world.outcomes
    assert (outcome.symbol, outcome.outcome, outcome.restepped) == ("S001", "applied", 5)
    assert (outcome.bars_before, outcome.bars_after, outcome.since) == (65, 65, 51 * MINUTE)
    assert world.current() == clean(world).current()
    # The other symbol has live rows only; this one's corrected bars have both.
    assert all(len(rows) == 1 for (_, symbol, _), rows in world.features.items() if symbol == "S000")
    both = [at for (_, symbol, at), rows in world.features.items() if symbol == "S001" and len(rows) == 2]
    assert min(both) == 51 * MINUTE
    assert max(both) == 65 * MINUTE


@pytest.mark.parametrize("skew", [-1, 1])
def test_planted_fault_an_offset_beside_the_true_one(skew: int) -> None:
    """One too low: the correction seems to lie between. One too high: the next bar is never stepped again."""
    world = one_correction(skew)
    assert [one.outcome for one in world.outcomes] == ["superseded"]


def test_what_a_corrected_row_says_about_when_it_was_known() -> None:
    world = one_correction()
    for (_, symbol, time), rows in world.features.items():
        if symbol == "S001" and time >= 51 * MINUTE:
            available = [known for _, (_, known) in sorted(rows.items())]
            assert available == [time, max(time, 54 * MINUTE)]


def repaired(engine: PartitionEngine, **changes: object) -> StateRepair:
    return replace(engine.state_repair("S001", "1m", as_of_offset=40), **changes)  # type: ignore[arg-type]


def filled(bars: int = 40) -> PartitionEngine:
    engine = PartitionEngine(ONE)
    run([OPEN, *(MARKET.batch(at) for at in range(bars))], engine)
    return engine


def test_corrections_come_by_set_and_time_and_live_batches_do_not() -> None:
    config = EngineConfig(partition=0, partitions=1, feature_sets=("core", "minimal"))
    engine, twin = PartitionEngine(config), PartitionEngine(config)
    run([OPEN, *(MARKET.batch(at) for at in range(60))], engine)
    run([OPEN, *(MARKET.batch(at) for at in range(57))], twin)
    step = engine.step(twin.state_repair("S001", "1m", as_of_offset=57), 61)
    batches = feature_batches([step])
    assert [(one.feature_set, one.event_time // MINUTE, one.kind, one.symbols) for one in batches] == [
        (name, at, "correction", ("S001",)) for name in ("core", "minimal") for at in (58, 59, 60)
    ]
    assert [one.link.position for one in batches] == [(61, part) for part in range(6)]
    assert {one.link.last_part for one in batches} == {5}
    assert [(one.horizon, one.event_time // MINUTE) for one in step.returns] == [  # type: ignore[union-attr]
        (horizon, at) for horizon in (1, 5, 20) for at in (58, 59, 60)
    ]
    assert engine.latest("core", "1m").source_offset.tolist() == [60, 61]


def test_a_repair_that_changes_nothing_yields_no_link() -> None:
    engine = filled()
    step = engine.step(repaired(engine), 41)
    assert (step.features, step.returns, step.log_event) == ((), (), True)
    assert engine.latest("core", "1m").source_offset.tolist() == [40, 40]


def test_a_symbol_that_the_engine_does_not_know_gets_its_place() -> None:
    """The end of a backfill: live bars go on as if all of them had come through the log."""
    history = PartitionEngine(ONE)
    run([OPEN, *(MARKET.batch(at) for at in range(100))], history)
    engine = PartitionEngine(ONE)
    engine.step(OPEN, 0)
    for offset, symbol in enumerate(MARKET.symbols, 1):
        step = engine.step(history.state_repair(symbol, "1m", as_of_offset=-1), offset)
        assert step.repaired is not None
        assert (step.repaired.outcome, step.repaired.bars_before, step.repaired.bars_after) == ("applied", 0, 100)
        assert [one.event_time for one in feature_batches([step])] == [100 * MINUTE]
    later = [MARKET.batch(at) for at in range(100, 130)]
    engine = PartitionEngine.restore(ONE, engine.snapshot())
    assert bits(run(later, engine, 3)) == bits(run(later, history, 200))


def test_a_ring_that_does_not_reach_asks_again() -> None:
    engine, old = filled(140), filled(40)
    step = engine.step(old.state_repair("S001", "1m", as_of_offset=40, since=MINUTE), 141)
    assert step.repaired is not None
    assert step.repaired.outcome == "out_of_reach"
    assert [(need.symbol, need.event_time, need.reason) for need in step.repairs] == [("S001", MINUTE, "out_of_reach")]
    assert (step.features, step.returns) == ((), ())
    assert PartitionEngine.restore(ONE, engine.snapshot()).repairs.awaiting == (("1m", "S001"),)


def test_a_state_without_a_bar_that_the_log_has_is_superseded() -> None:
    """A state that claims an offset and lacks a bar before it must not make the bar disappear."""
    holes = PartitionEngine(ONE)
    run([OPEN, *(MARKET.batch(at) for at in range(40) if at != 30)], holes)
    step = filled().step(repaired(holes), 41)
    assert step.repaired is not None
    assert step.repaired.outcome == "superseded"


def broken(engine: PartitionEngine, **changes: object) -> bytes:
    return bytes(msgpack.packb(msgpack.unpackb(repaired(engine).state) | changes))


def shape(engine: PartitionEngine, column: int, data: bytes) -> bytes:
    body = msgpack.unpackb(repaired(engine).state)
    body["state"]["columns"][column] = data
    return bytes(msgpack.packb(body))


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("state_malformed", lambda engine: repaired(engine, state=b"")),
        ("state_malformed", lambda engine: repaired(engine, state=b"\xc1")),
        ("state_malformed", lambda engine: repaired(engine, state=msgpack.packb([1]))),
        ("state_malformed", lambda engine: repaired(engine, state=broken(engine, state={}))),
        ("state_malformed", lambda engine: repaired(engine, state=broken(engine, source=7))),
        ("state_malformed", lambda engine: repaired(engine, state=broken(engine, since=-1))),
        ("state_malformed", lambda engine: repaired(engine, state=shape(engine, 0, b"\0" * 8))),
        ("state_malformed", lambda engine: repaired(engine, state=shape(engine, 3, b"\0" * 8 * 7 * 40))),
        ("state_malformed", lambda engine: repaired(engine, symbol="S000")),
        ("state_malformed", lambda engine: repaired(engine, last_event_time=39 * MINUTE)),
        ("state_malformed", lambda engine: repaired(engine, as_of_offset=20)),
        ("state_of_other_code", lambda engine: repaired(engine, state=broken(engine, code="other"))),
        ("state_of_other_code", lambda engine: repaired(engine, state=broken(engine, version=1))),
        ("state_from_the_future", lambda engine: repaired(engine, as_of_offset=41)),
    ],
)
def test_what_is_refused_changes_nothing(code: str, make: object) -> None:
    engine = filled()
    before = engine.snapshot()
    with pytest.raises(UnsupportedMessage) as raised:
        engine.step(make(engine), 41)  # type: ignore[operator]
    assert raised.value.code == code
    assert engine.snapshot() == before


def test_an_old_repair_that_comes_again_does_not_undo_a_later_correction() -> None:
    world = RepairWorld()
    for at in range(50):
        world.step(MARKET.batch(at))
    world.step(moved(MARKET, 45, 0, 1))  # type: ignore[arg-type]
    (old,) = world.repairs()
    world.step(old)
    world.step(moved(MARKET, 46, 0, 1))  # type: ignore[arg-type]
    world.settle()
    world.step(old)
    assert world.outcomes[-1].outcome == "superseded"
    world.settle()
    assert world.current() == clean(world).current()


def test_a_late_split_leaves_no_move_behind() -> None:
    raw = replace(
        MARKET,
        **{
            name: np.where(np.arange(150)[:, None] >= 70, getattr(MARKET, name) / 2.0, getattr(MARKET, name))
            for name in ("open", "high", "low", "close")
        },
    )
    world = RepairWorld()
    for at in range(90):
        world.step(raw.batch(at))
    for symbol in raw.symbols:
        world.step(split(symbol, 2.0, 70, 90))
    world.settle()
    assert world.current() == clean(world).current()
    moves = [
        abs(float(np.frombuffer(labels[1][1])[0]))
        for rows in world.returns.values()
        for labels in [rows[max(rows)]]
        if 1 in labels
    ]
    assert max(moves) < 0.1 < np.log(2.0)


def test_a_split_between_state_and_repair_is_applied_where_it_was() -> None:
    world = RepairWorld()
    for at in range(60):
        world.step(MARKET.batch(at))
    world.step(moved(MARKET, 50, 1, 1))  # type: ignore[arg-type]
    (repair,) = world.repairs()
    world.step(MARKET.batch(60))
    world.step(split("S001", 3.0, 62, 61))
    for at in range(61, 66):
        world.step(MARKET.batch(at))
    world.step(repair)
    assert [(one.outcome, one.restepped) for one in world.outcomes] == [("applied", 6)]
    assert world.current() == clean(world).current()
    for at in range(66, 70):
        world.step(MARKET.batch(at))
    assert world.current() == clean(world).current()


def test_a_split_that_waits_when_the_repair_comes_is_applied_after_it() -> None:
    world = one_correction()
    world.step(moved(MARKET, 60, 1, 1))  # type: ignore[arg-type]
    (repair,) = world.repairs()
    world.step(split("S001", 2.0, 66, 65))
    world.step(repair)
    for at in range(65, 72):
        world.step(MARKET.batch(at))
    assert world.current() == clean(world).current()


def test_a_split_behind_late_bars_of_an_unknown_symbol_is_not_missed() -> None:
    """The engine has no bar of the symbol, so it can't know that the split is late: the repair must find out."""
    world = RepairWorld()
    world.step(replace(OPEN, state="advance", event_time=30 * MINUTE))
    for at in (10, 20):
        world.step(MARKET.batch(at, [1]))
    (repair,) = world.repairs()
    world.step(split("S001", 2.0, 15, 40))
    world.step(repair)
    assert world.outcomes[-1].outcome == "superseded"
    world.settle()
    for at in range(31, 75):
        world.step(MARKET.batch(at, [1]))
    assert world.current() == clean(world).current()


def test_a_bar_before_a_late_one_that_came_after_it() -> None:
    """Two feeds: one is past the late bar's time, the other goes on before it."""
    world = RepairWorld()
    world.step(replace(OPEN, feed="g"))
    for at in range(40):
        world.step(MARKET.batch(at))
    world.step(replace(OPEN, state="advance", event_time=50 * MINUTE))
    world.step(MARKET.batch(48, [1]))
    (repair,) = world.repairs()
    world.step(MARKET.batch(45, [1], feed="g"))
    world.step(repair)
    assert world.outcomes[-1].outcome == "superseded"
    world.settle()
    assert world.current() == clean(world).current()


def test_the_revision_that_a_repair_replaced_is_still_known() -> None:
    world = one_correction()
    assert world.step(MARKET.batch(50, [1])).duplicates == 1
    again = moved(MARKET, 50, 1, 1)
    assert world.step(again).duplicates == 1  # type: ignore[arg-type]
    assert world.engine.needs_lookup(MARKET.batch(50, [1])) == ()
