"""Applying a ``StateRepair`` at its place in the log."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.engine_corrections import Stepped, correction_features, correction_returns
from pipeline.engine_state import (
    AVAILABLE,
    CLOSE_,
    COUNT,
    FACTOR_,
    LAST,
    NEVER,
    OFFSET,
    OFFSET_,
    REVISION_,
    SOURCE,
    SPLIT,
    TIME_,
    IntervalState,
    Rows,
)
from pipeline.engine_symbol import SymbolState, load_symbol, put_in, ring_slots
from pipeline.engine_types import (
    APPLIED,
    OUT_OF_REACH,
    SUPERSEDED,
    RepairNeed,
    RepairOutcome,
    Step,
    UnsupportedMessage,
)  # fmt: skip
from pipeline.features import FeatureSet
from pipeline.returns import matured
from schemas.bars import StateRepair
from schemas.fields import I8Array
from schemas.partitioning import partition_of

if TYPE_CHECKING:
    from pipeline.engine import PartitionEngine

_ALONE = Rows.of(np.zeros(1, dtype=np.int64))


def apply_repair(engine: "PartitionEngine", repair: StateRepair, offset: int) -> Step:
    """Apply a repair, or drop it and ask for another one.

    The symbol takes the state as of ``as_of_offset``, and its bars after that are stepped again from its ring, with
    the splits at the same places. They are published again as corrections; where there are none, the last bar's
    vector of each set is, if it changed: what a set publishes doesn't depend on the other sets. Raises
    ``UnsupportedMessage`` for a repair that can't be taken at all.
    """
    _check_place(engine, repair, offset)
    carried = load_symbol(engine, repair)
    if engine.config.primary_source not in (None, carried.source):
        detail = f"the state of {repair.symbol!r} is made of source {carried.source!r}, which is not the primary one"
        raise UnsupportedMessage("state_of_other_source", detail)
    state = engine.states.get(repair.interval) or IntervalState(engine.plan, engine.config.ring)
    place = state.places.get(repair.symbol, -1)
    later = _later(state, place, repair.as_of_offset)
    before = 0 if place < 0 else int(state.marks[COUNT, place])
    if obstacle := _obstacle(engine, repair, carried, (state, place, later)):
        need = RepairNeed(symbol=repair.symbol, interval=repair.interval, event_time=carried.since, reason=obstacle)
        engine.repairs.await_repair(need)
        told = _outcome(repair, carried.since, obstacle, (0, before, before))
        return Step(repairs=(need,), log_event=True, repaired=told)
    stepped = _restep(engine, carried.cell, (state, place, later))
    sets = engine.sets
    if not stepped:
        sets = _changed(engine, carried.cell, state, place)
        stepped = [_last(carried.cell)] if sets else []
    carried.cell.marks[OFFSET, 0] = offset if sets == engine.sets else state.marks[OFFSET, place]
    _install(engine, repair, carried, state)
    engine.repairs.settle(repair)
    for chosen in sets if sets != engine.sets else ():
        engine.repairs.show(repair, chosen.name, offset)
    return Step(
        features=correction_features(engine, repair, stepped, (offset, sets)),
        returns=correction_returns(engine, repair, stepped, offset),
        log_event=True,
        repaired=_outcome(repair, carried.since, APPLIED, (later.shape[0], before, int(carried.cell.marks[COUNT, 0]))),
    )


def _check_place(engine: "PartitionEngine", repair: StateRepair, offset: int) -> None:
    owner = partition_of(repair.symbol, engine.config.partitions)
    if owner != engine.config.partition:
        detail = f"{repair.symbol!r} belongs to partition {owner}, not {engine.config.partition}"
        raise UnsupportedMessage("wrong_partition", detail)
    if repair.as_of_offset >= offset:
        detail = (
            f"the state of {repair.symbol!r} is as of offset {repair.as_of_offset}, but the repair lies at {offset}"
        )
        raise UnsupportedMessage("state_from_the_future", detail)


def _later(state: IntervalState, place: int, as_of_offset: int) -> I8Array:
    """Return the slots of the symbol's bars after ``as_of_offset``, oldest first."""
    if place < 0:
        return np.empty(0, dtype=np.int64)
    slots = ring_slots(state, place)
    later: I8Array = slots[state.stamps[place, slots, OFFSET_] > as_of_offset]
    return later


def _obstacle(
    engine: "PartitionEngine", repair: StateRepair, carried: SymbolState, known: tuple[IntervalState, int, I8Array]
) -> str:
    """Return why the repair can't be applied: something lies between that its state lacks, or the ring is short."""
    state, place, later = known
    last = repair.last_event_time
    if engine.repairs.floor(repair.interval, repair.symbol) > repair.as_of_offset:
        return SUPERSEDED
    if engine.splits.missed(repair.symbol, repair.as_of_offset, last):
        return SUPERSEDED
    if place < 0:
        return ""
    if int(state.marks[SOURCE, place]) != engine.sources.get(carried.source, -2):
        return SUPERSEDED
    if (state.stamps[place, later, TIME_] <= last).any() or _lacks(carried.cell, state, place, repair.as_of_offset):
        return SUPERSEDED
    if int(state.marks[COUNT, place]) > state.raw and later.shape[0] == state.raw:
        return OUT_OF_REACH
    return ""


def _lacks(cell: IntervalState, state: IntervalState, place: int, as_of_offset: int) -> bool:
    """True if the log had a bar of the symbol by ``as_of_offset`` that the repair's state should hold and doesn't."""
    old, new = ring_slots(state, place), cell.stamps[0, ring_slots(cell, 0), TIME_]
    times = state.stamps[place, old[state.stamps[place, old, OFFSET_] <= as_of_offset], TIME_]
    return bool((~np.isin(times[times >= new[0]], new)).any())


def _restep(engine: "PartitionEngine", cell: IntervalState, known: tuple[IntervalState, int, I8Array]) -> list[Stepped]:
    """Advance ``cell`` by the symbol's later bars; splits rescale its state where they did the first time."""
    state, place, later = known
    cell.marks[SPLIT, 0] = NEVER
    engine.splits.begin(cell, cell.symbols[0], int(cell.marks[LAST, 0]))
    stepped = []
    for slot in later.tolist():
        stamp, bars = state.stamps[place, slot], state.bars[place, slot][:, None].copy()
        bars[FACTOR_] = 1.0
        engine.splits.apply(cell, _ALONE, int(stamp[TIME_]))
        advanced = cell.advance_raw(_ALONE, bars, stamp)
        one = Stepped(
            t=advanced.oldest,
            event_time=int(stamp[TIME_]),
            available_time=int(advanced.available[0]),
            close=float(bars[CLOSE_, 0]),
            values=advanced.values,
            ripe=matured(cell, _ALONE, advanced, engine.horizons),
        )
        stepped.append(one)
    return stepped


def _last(cell: IntervalState) -> Stepped:
    slot = ring_slots(cell, 0)[-1]
    return Stepped(
        t=int(cell.marks[COUNT, 0]) - 1,
        event_time=int(cell.marks[LAST, 0]),
        available_time=int(cell.marks[AVAILABLE, 0]),
        close=float(cell.bars[0, slot, CLOSE_]),
        values=cell.latest[:1].copy(),
    )


def _changed(
    engine: "PartitionEngine", cell: IntervalState, state: IntervalState, place: int
) -> tuple[FeatureSet, ...]:
    """Return the sets whose vector of the symbol's last bar is another one than it was; all if the bar is."""
    if place < 0 or (cell.marks[[COUNT, LAST], 0] != state.marks[[COUNT, LAST], place]).any():
        return engine.sets
    closes = [one.bars[at, ring_slots(one, at)[-1], CLOSE_] for one, at in ((cell, 0), (state, place))]
    if closes[0] != closes[1]:
        return engine.sets
    vectors = {
        chosen.name: [engine.columns_of(chosen.name, one).tobytes() for one in (cell.latest[:1], state.latest[[place]])]
        for chosen in engine.sets
    }
    return tuple(chosen for chosen in engine.sets if vectors[chosen.name][0] != vectors[chosen.name][1])


def _install(engine: "PartitionEngine", repair: StateRepair, carried: SymbolState, state: IntervalState) -> None:
    """Put the symbol's new state in its place, and remember the revisions that are no longer in its ring."""
    symbol, cell = repair.symbol, carried.cell
    source = engine.sources.setdefault(carried.source, len(engine.sources))
    if symbol in state.places:
        place, slots = state.places[symbol], ring_slots(cell, 0)
        now = dict(cell.stamps[0, slots][:, [TIME_, REVISION_]].tolist())
        for slot in ring_slots(state, place).tolist():
            time, revision = state.stamps[place, slot, [TIME_, REVISION_]].tolist()
            if now.get(time, revision) != revision:
                prices = state.bars[place, slot, :5].tolist()
                content = (*prices[:4], None if prices[4] != prices[4] else prices[4])
                engine.memory.add((repair.interval, symbol, carried.source), time, revision, content)
    else:
        engine.states[repair.interval] = state
        state.add([symbol], source)
    cell.marks[SOURCE, 0] = source
    put_in(state, state.places[symbol], cell, 0)
    engine.event_time = max(engine.event_time, int(cell.marks[LAST, 0]))


def _outcome(repair: StateRepair, since: int, outcome: str, bars: tuple[int, int, int]) -> RepairOutcome:
    restepped, before, after = bars
    return RepairOutcome(
        symbol=repair.symbol,
        interval=repair.interval,
        as_of_offset=repair.as_of_offset,
        last_event_time=repair.last_event_time,
        since=since,
        outcome=outcome,
        restepped=restepped,
        bars_before=before,
        bars_after=after,
    )
