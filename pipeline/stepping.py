"""One message into an engine, with the look-ups that only the store can answer."""

from collections.abc import Callable, Mapping, Sequence

from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import Lookup, LookupMissing, Step, StoredBar
from schemas.bars import BarBatch

#: Rows that need a look-up, and the offset of their message → row → stored bar from before that offset.
Find = Callable[[Sequence[Lookup], int], Mapping[int, StoredBar | None]]


def step_with(engine: PartitionEngine, message: LogMessage, offset: int, find: Find) -> Step:
    """Step the engine; it refuses, unchanged, where only the store knows a row's fate, and is asked again.

    Few messages need that: ``find`` is not called for others. Raises what ``PartitionEngine.step`` raises.
    """
    try:
        return engine.step(message, offset)
    except LookupMissing:
        if not isinstance(message, BarBatch):
            raise
        return engine.step(message, offset, find(engine.needs_lookup(message), offset))


def nothing_stored(needed: Sequence[Lookup], offset: int) -> Mapping[int, StoredBar | None]:
    """Answer look-ups where nothing lies before the messages at hand."""
    return {one.row: None for one in needed}
