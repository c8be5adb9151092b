"""The state of one symbol as bytes: what a ``StateRepair`` carries."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgpack
import numpy as np

from pipeline.engine_snapshot import STATE_VERSION, dump_interval, load_interval
from pipeline.engine_state import (
    AVAILABLE,
    CLOSE_,
    COUNT,
    HEAD,
    LAST,
    NEVER,
    OFFSET,
    OFFSET_,
    OPEN_,
    SOURCE,
    SPLIT,
    START,
    TIME_,
    IntervalState,
)
from pipeline.engine_types import UnsupportedMessage
from schemas.bars import StateRepair
from schemas.fields import I8Array

if TYPE_CHECKING:
    from pipeline.engine import PartitionEngine


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolState:
    """One symbol's state in an interval, alone in ``cell``; ``source`` is the one that makes its features.

    ``since``: the lowest event time (ns UTC) whose bars or splits differ from what the log's engine has; 0: all.
    """

    cell: IntervalState
    source: str
    since: int


def ring_slots(state: IntervalState, place: int) -> I8Array:
    """Return the slots of a symbol's raw bars, oldest first: int64 (min(ring, bars so far),)."""
    count = int(state.marks[COUNT, place])
    slots: I8Array = np.arange(max(0, count - state.raw), count, dtype=np.int64) % state.raw
    return slots


def cut_out(state: IntervalState, place: int) -> IntervalState:
    """Return a copy of one symbol's state, alone in an interval of its own."""
    cell = IntervalState(state.plan, state.raw)
    cell.add([state.symbols[place]], -1)
    put_in(cell, 0, state, place)
    cell.marks[SOURCE, 0] = -1
    return cell


def put_in(state: IntervalState, place: int, other: IntervalState, at: int) -> None:
    """Copy the symbol at ``at`` of ``other`` over the one at ``place`` of ``state``."""
    state.marks[:, place] = other.marks[:, at]
    state.ring[:, :, place] = other.ring[:, :, at]
    state.state[:, place] = other.state[:, at]
    for name in ("bars", "stamps", "latest"):
        getattr(state, name)[place] = getattr(other, name)[at]


def state_repair(engine: "PartitionEngine", symbol: str, interval: str, as_of_offset: int, since: int) -> StateRepair:
    """Return the message that carries a symbol's state as of an offset; see ``PartitionEngine.state_repair``."""
    state = engine.states[interval]
    place = state.places[symbol]
    cell = cut_out(state, place)
    source = {number: name for name, number in engine.sources.items()}[int(state.marks[SOURCE, place])]
    cell.marks[SPLIT, 0] = NEVER
    np.minimum(cell.stamps[0, :, OFFSET_], as_of_offset, out=cell.stamps[0, :, OFFSET_])
    cell.marks[OFFSET, 0] = min(int(cell.marks[OFFSET, 0]), as_of_offset)
    body = {
        "version": STATE_VERSION,
        "code": engine.code_hash,
        "ring": engine.config.ring,
        "source": source,
        "since": since,
        "state": dump_interval(cell),
    }
    return StateRepair(
        symbol=symbol,
        interval=interval,
        as_of_offset=as_of_offset,
        last_event_time=int(cell.marks[LAST, 0]),
        available_time=int(cell.marks[AVAILABLE, 0]),
        state=bytes(msgpack.packb(body)),
    )


def load_symbol(engine: "PartitionEngine", repair: StateRepair) -> SymbolState:
    """Return what ``repair`` carries. Raises ``UnsupportedMessage`` for another computation's or malformed state."""
    try:
        body = msgpack.unpackb(repair.state)
        mine = {"version": STATE_VERSION, "code": engine.code_hash, "ring": engine.config.ring}
        theirs = {name: body[name] for name in mine}
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise _malformed(repair, f"it can't be read ({type(error).__name__})") from error
    for name, wanted in mine.items():
        if theirs[name] != wanted:
            raise UnsupportedMessage(
                "state_of_other_code",
                f"the state of {repair.symbol!r} has {name} {theirs[name]!r}, this engine's is {wanted!r}: repair it "
                "with the release and the settings that the feature agent runs with",
            )
    try:
        cell = load_interval(engine.plan, engine.config.ring, body["state"])
        carried = SymbolState(cell=cell, source=body["source"], since=body["since"])
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise _malformed(repair, f"its columns don't fit ({type(error).__name__})") from error
    if fault := _fault(repair, carried):
        raise _malformed(repair, fault)
    return carried


def state_since(repair: StateRepair) -> int:
    """Return the lowest event time (ns UTC) from which the carried state differs from the log's; 0: all, or unknown."""
    try:
        since = msgpack.unpackb(repair.state)["since"]
    except (ValueError, TypeError, KeyError, msgpack.UnpackException):
        return 0
    return since if type(since) is int else 0


def _malformed(repair: StateRepair, why: str) -> UnsupportedMessage:
    return UnsupportedMessage("state_malformed", f"the state of {repair.symbol!r} is refused: {why}")


def _fault(repair: StateRepair, carried: SymbolState) -> str:
    """Return what is wrong with a state whose columns have the right shapes; "" if nothing is."""
    cell: Any = carried.cell
    if (
        type(carried.source) is not str
        or type(carried.since) is not int
        or not 0 <= carried.since <= repair.last_event_time
    ):
        return "its source or its beginning is missing"
    if cell.symbols != [repair.symbol]:
        return "it belongs to another symbol"
    count, head, last = (int(cell.marks[row, 0]) for row in (COUNT, HEAD, LAST))
    slots = ring_slots(cell, 0)
    if count < 1 or head != START or slots.shape[0] != min(count, cell.raw):
        return f"it holds {count} bars"
    stamps, bars = cell.stamps[0, slots], cell.bars[0, slots]
    if last != repair.last_event_time or int(stamps[-1, TIME_]) != last or (np.diff(stamps[:, TIME_]) <= 0).any():
        return "its bars don't end at last_event_time, or are out of order"
    if (stamps[:, OFFSET_] > repair.as_of_offset).any():
        return "it holds bars behind as_of_offset"
    prices = bars[:, OPEN_ : CLOSE_ + 1]
    if not (np.isfinite(prices) & (prices > 0.0)).all():
        return "a price is not finite and above 0"
    return ""
