"""The state before a place in the log (P8): of the engine from a kept snapshot, of the inference from the tables.

The inference's memory is what was recorded: control events obeyed, last emissions, last answers. Nothing else of it
shows in what it decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.history.extents import Extent
from infra.warehouse.bar_lookup import find_stored
from infra.warehouse.connection import Connection
from infra.warehouse.moments import to_moment, to_nanoseconds
from infra.warehouse.queries import queries
from pipeline.control import ControlState
from pipeline.deployments import ModelRef
from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig, Lookup, SnapshotRefused, StoredBar
from pipeline.routing.partition import Standing
from pipeline.routing.router_state import RouterState
from pipeline.stepping import Find
from schemas.codec import decode
from schemas.control import ControlEvent
from schemas.headers import iso_time
from schemas.intervals import INTERVALS
from schemas.signals import SIGNALS


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """An engine and the offset that it takes next; ``begins`` says in words which state it is."""

    engine: PartitionEngine
    offset: int
    begins: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What a partition's inference knows before an offset."""

    standing: Standing
    control: ControlState
    state: RouterState


def beginning(connection: Connection, config: EngineConfig, extent: Extent, *, cold: bool = False) -> Beginning:
    """The engine before ``extent.start``: from the newest kept snapshot of this computation, else (or where ``cold``)
    empty, at the log's first message."""
    kept = None if cold else kept_engine(connection, config, extent.first_generation, extent.start)
    if kept is None:
        return Beginning(engine=PartitionEngine(config), offset=0, begins="the first bar of the log")
    engine, offset, event_time = kept
    return Beginning(engine=engine, offset=offset, begins=f"the state kept at {iso_time(event_time)}, offset {offset}")


def kept_engine(
    connection: Connection, config: EngineConfig, first_generation: int, offset: int
) -> tuple[PartitionEngine, int, int] | None:
    """The newest kept state of this computation at or before ``offset`` of the log that began in a generation.

    Returns the engine, the offset that it takes next, and its event time (ns UTC); None if nothing usable is kept.
    """
    values = {
        "partition": config.partition,
        "first_generation": first_generation,
        "code_hash": PartitionEngine(config).code_hash,
        "offset": offset,
    }
    row = connection.execute(queries("history")["newest state"], values).fetchone()
    if row is None:
        return None
    try:
        return PartitionEngine.restore(config, bytes(row[1])), int(row[0]), to_nanoseconds(row[2])
    except SnapshotRefused:
        return None


def finder(connection: Connection, first_generation: int) -> Find:
    """Look-ups in the stored log."""

    def find(needed: Sequence[Lookup], offset: int) -> Mapping[int, StoredBar | None]:
        return find_stored(connection, needed, offset, first_generation)

    return find


def memory(connection: Connection, begun: Beginning, extent: Extent, fresh_bars: int) -> Memory:
    """What the inference of a partition knew before ``begun.offset``."""
    engine = begun.engine
    if not begun.offset:
        return Memory(standing=Standing(), control=ControlState(), state=RouterState())
    standing = before(engine)
    place = {
        "partition": extent.partition,
        "first_generation": extent.first_generation,
        "offset": begun.offset,
        "head": to_moment(engine.event_time),
    }
    state = RouterState()
    for interval, symbols in {name: one.symbols for name, one in engine.states.items()}.items():
        state.symbols.numbers(tuple(symbols))
        _recall_emissions(connection, state, interval, place | {"symbols": list(symbols)})
        since = max(engine.event_time - fresh_bars * INTERVALS[interval], 0)
        _recall_answers(connection, state, interval, place | {"since": to_moment(since)})
    return Memory(standing=standing, control=_control(connection, place), state=state)


def before(engine: PartitionEngine) -> Standing:
    """Where the inference stands that has taken all that an engine made."""
    return Standing(head=engine.event_time or None, partition_time=engine.feeds.partition_time)


def control_before(connection: Connection, place: Mapping[str, object]) -> list[ControlEvent]:
    """Control events that a partition's log holds before an offset, in its order.

    ``place``: ``partition``, ``first_generation`` and ``offset``.
    """
    rows = connection.execute(queries("history")["control before"], place)
    return [event for (payload,) in rows if isinstance(event := decode(bytes(payload)), ControlEvent)]


def _control(connection: Connection, place: Mapping[str, object]) -> ControlState:
    events = control_before(connection, place)
    applied = connection.execute(queries("history")["control applied"], place)
    asked = {event.control_offset: event.effective_from for event in events}
    # The tables round up to microseconds. Bars have none finer, so the later of "asked for" and "just behind the newest
    # bar" is known to the nanosecond; among equal times the order of events would be another.
    kept = {offset: max(asked[offset], to_nanoseconds(moment) - 999) for offset, moment in applied if offset in asked}
    return ControlState.restore(max(asked, default=-1), kept, events)


def _recall_emissions(connection: Connection, state: RouterState, interval: str, place: Mapping[str, object]) -> None:
    rows = connection.execute(queries("history")["emissions before"], {**place, "interval": interval}).fetchall()
    table = state.router.table(interval)
    for symbol, signal, moment in rows:
        numbers = state.symbols.numbers((symbol,))
        table.mark(numbers, np.array([SIGNALS.index(signal)], dtype=np.uint8), to_nanoseconds(moment))


def _recall_answers(connection: Connection, state: RouterState, interval: str, place: Mapping[str, object]) -> None:
    rows = connection.execute(queries("history")["answers before"], {**place, "interval": interval}).fetchall()
    for name, version, symbol, score, moment in rows:
        last = state.last_of(ModelRef(name=name, version=version), interval)
        last.remember(state.symbols.numbers((symbol,)), np.array([score]), to_nanoseconds(moment))
