"""One symbol's features, traced again alone, have the bits of the run over everybody, through corrections too."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import FIRST, Lookup, Step, StoredBar
from pipeline.explanation.retrace import Retraced, retrace
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.features import FeatureBatch
from schemas.intervals import MINUTE
from tests.support.engine_log import ONE, OPEN, market
from tests.support.feature_runs import take
from tests.support.repair_world import RepairWorld

MARKET = market(11, 150, 2)
SYMBOLS = MARKET.symbols


@dataclass
class Recorded(RepairWorld):
    """A world that keeps its log, and the engine's state before each message."""

    log: list[tuple[int, LogMessage, Step]] = field(default_factory=list)
    states: dict[int, bytes] = field(default_factory=dict)

    def step(self, message: LogMessage) -> Step:
        offset = self.offset
        if offset % 25 == 24:
            self.states[offset] = self.engine.snapshot()
        step = super().step(message)
        self.log.append((offset, message, step))
        return step

    def stored(self, symbol: str) -> list[tuple[int, LogMessage]]:
        """What the store keeps of the log for one symbol: its bars one by one, its splits and repairs, watermarks."""
        found: list[tuple[int, LogMessage]] = []
        for offset, message, step in self.log:
            if isinstance(message, BarBatch):
                kept = [] if step.stored is None else step.stored.rows.tolist()
                found += [(offset, take(message, [row])) for row in kept if message.symbols[row] == symbol]
            elif isinstance(message, Watermark) or (
                isinstance(message, Adjustment | StateRepair) and message.symbol == symbol and step.log_event
            ):
                found.append((offset, message))
        return found

    def firsts(self, symbol: str) -> dict[int, FeatureBatch | None]:
        """Offset of each first bar of a symbol → the message of its features, None while it isn't warm."""
        found: dict[int, FeatureBatch | None] = {}
        for offset, message, step in self.log:
            if isinstance(message, BarBatch) and symbol in message.symbols and step.stored is not None:
                place = step.stored.rows.tolist().index(message.symbols.index(symbol))
                if step.stored.status[place] == FIRST:
                    batches = [one for one in step.features if isinstance(one, FeatureBatch)]
                    found[offset] = next((one for one in batches if symbol in one.symbols), None)
        return found


def again(world: Recorded, symbol: str, offset: int, *, kept: bool) -> Retraced:
    """Trace a symbol up to an offset, from the first bar or from the newest state before it."""
    begins = max((place for place in world.states if place <= offset), default=None) if kept else None
    engine = PartitionEngine(ONE) if begins is None else PartitionEngine.restore(ONE, world.states[begins])
    log = [pair for pair in world.stored(symbol) if begins is None or pair[0] >= begins]

    def find(needed: Sequence[Lookup], before: int) -> dict[int, StoredBar | None]:
        bars = [one for one in world.bars if one.offset < before]
        other = replace(world)
        other.bars = bars
        return {one.row: other._stored(one) for one in needed}

    return retrace(engine, log, (symbol, "1m", offset), find)


def same(retraced: Retraced, symbol: str, expected: FeatureBatch | None) -> bool:
    (found,) = retraced.batches
    if expected is None:
        return found.symbols == ()
    row = expected.symbols.index(symbol)
    pairs = ((getattr(found, name)[0], getattr(expected, name)[row]) for name in ("values", "valid", "close"))
    bits = all(np.asarray(one).tobytes() == np.asarray(other).tobytes() for one, other in pairs)
    return bits and int(found.available_time[0]) == int(expected.available_time[row])


def play(ops: list[tuple[int, int]]) -> Recorded:
    """Bars of two symbols with revisions, late bars, splits, and repairs that arrive later than they were made."""
    world, at = Recorded(), 0
    held: list[tuple[int, int]] = []
    in_flight: list[StateRepair] = []
    for kind, number in [(0, 39), *ops]:
        column = number % 2
        if kind == 0:
            for _ in range(1 + number):
                world.step(MARKET.batch(at))
                at += 1
        elif kind == 1:
            held.append((at, column))
            world.step(MARKET.batch(at, [1 - column]))
            at += 1
        elif kind == 2 and held:
            time, other = held.pop()
            world.step(replace(MARKET.batch(time, [other]), available_time=(at + 1) * MINUTE))
        elif kind == 3:
            batch = MARKET.batch(at - 1 - number, [column])
            world.step(replace(batch, revision=1 + len(world.log), close=batch.high, available_time=at * MINUTE))
        elif kind == 4:
            time = (at + 3 - number) * MINUTE
            world.step(Adjustment(feed="f", source="v", symbol=SYMBOLS[column], factor=2.0, effective_time=time,
                                  available_time=at * MINUTE))  # fmt: skip
        elif kind == 5:
            in_flight += world.repairs()
        elif in_flight:
            world.step(in_flight.pop(0))
    world.step(MARKET.batch(at))
    return world


@given(
    ops=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=14),
    kept=st.booleans(), back=st.integers(0, 12), column=st.integers(0, 1),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_alone_as_among_the_others(ops: list[tuple[int, int]], kept: bool, back: int, column: int) -> None:
    world, symbol = play(ops), SYMBOLS[column]
    firsts = world.firsts(symbol)
    for offset in sorted(firsts)[-1 - back :: max(1, back // 2)]:
        assert same(again(world, symbol, offset, kept=kept), symbol, firsts[offset]), offset


def test_counts_bars_and_says_who_awaits_repair() -> None:
    world = play([(0, 4), (3, 2), (0, 1), (5, 0), (0, 0), (6, 0), (0, 2)])
    offsets = sorted(world.firsts("S000"))
    found = [again(world, "S000", offset, kept=False) for offset in offsets]
    assert [one.bars for one in found] == list(range(1, len(offsets) + 1))
    awaiting = [offset for offset, one in zip(offsets, found, strict=True) if one.awaiting]
    corrected = next(offset for offset, message, _ in world.log if isinstance(message, BarBatch) and message.revision)
    repaired = next(offset for offset, message, _ in world.log if isinstance(message, StateRepair))
    assert awaiting == [offset for offset in offsets if corrected < offset < repaired]
    assert awaiting


def test_a_place_without_the_bar_is_refused() -> None:
    with pytest.raises(LookupError, match="no bar of 'S000' at offset 900"):
        retrace(PartitionEngine(ONE), [(0, OPEN)], ("S000", "1m", 900), lambda needed, offset: {})
