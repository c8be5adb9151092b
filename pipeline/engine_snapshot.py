"""Snapshots: the engine's whole state as one MessagePack map of plain values and raw columns."""

from typing import TYPE_CHECKING, Any

import msgpack
import numpy as np

from pipeline.chain import Chain
from pipeline.engine_memory import BarMemory
from pipeline.engine_splits import SplitTable
from pipeline.engine_state import COUNT, HEAD, START, IntervalState
from pipeline.engine_types import SnapshotRefused
from pipeline.features import Plan
from pipeline.quality.watch import IntervalQuality
from pipeline.repair_book import RepairBook
from pipeline.watermarks import FeedTable

if TYPE_CHECKING:
    from pipeline.engine import PartitionEngine

#: Rises with every change to the engine's state or to how it is advanced; a snapshot of another version is refused.
STATE_VERSION = 4


def dump(engine: "PartitionEngine") -> bytes:
    """Encode everything that the next message depends on. Equal states give equal bytes."""
    config = engine.config
    return bytes(
        msgpack.packb(
            {
                "version": STATE_VERSION,
                "partition": [config.partition, config.partitions],
                "code": engine.code_hash,
                "ring": config.ring,
                "next_offset": engine.next_offset,
                "event_time": engine.event_time,
                "chains": [engine.features_chain.last, engine.returns_chain.last],
                "feeds": engine.feeds.state(),
                "sources": engine.sources,
                "splits": engine.splits.state(),
                "memory": engine.memory.state(),
                "repairs": engine.repairs.state(),
                "intervals": {name: dump_interval(state) for name, state in engine.states.items()},
                "quality": {
                    name: watch.dump(len(engine.states[name].symbols)) for name, watch in engine.quality.items()
                },
            }
        )
    )


def load(engine: "PartitionEngine", data: bytes) -> None:
    """Put a snapshot's state into a new engine; raises ``SnapshotRefused`` where it doesn't fit."""
    values = msgpack.unpackb(data, strict_map_key=False)
    config = engine.config
    expected = {
        "version": STATE_VERSION,
        "partition": [config.partition, config.partitions],
        "code": engine.code_hash,
        "ring": config.ring,
    }
    for name, wanted in expected.items():
        if values.get(name) != wanted:
            raise SnapshotRefused(
                f"the snapshot's {name} is {values.get(name)!r}, this engine's is {wanted!r}; "
                "recompute the state from stored bars"
            )
    engine.next_offset = values["next_offset"]
    engine.event_time = values["event_time"]
    features, returns = values["chains"]
    engine.features_chain = Chain(tuple(features) if features else None)
    engine.returns_chain = Chain(tuple(returns) if returns else None)
    engine.feeds = FeedTable.restore(values["feeds"])
    engine.sources = values["sources"]
    engine.splits = SplitTable.restore(values["splits"])
    engine.memory = BarMemory.restore(config.ring, values["memory"])
    engine.quality = {
        name: IntervalQuality.restore(name, config.quality, columns) for name, columns in values["quality"].items()
    }
    engine.repairs = RepairBook.restore(values["repairs"])
    engine.states = {name: load_interval(engine.plan, config.ring, part) for name, part in values["intervals"].items()}


def dump_interval(state: IntervalState) -> dict[str, Any]:
    """Return an interval's symbols and arrays, as bytes, for a snapshot."""
    size = len(state.symbols)
    marks = state.marks[:, :size].copy()
    depth = min(state.raw, int(marks[COUNT].max(initial=0)))
    windows = state.windows(np.arange(size), marks[HEAD])
    marks[HEAD] = START
    columns = (marks, windows, state.state[:, :size], state.bars[:size, :depth], state.stamps[:size, :depth])
    return {
        "symbols": state.symbols,
        "depth": depth,
        "columns": [np.ascontiguousarray(column).data.cast("B") if column.size else b"" for column in columns]
        + [np.ascontiguousarray(state.latest[:size]).data.cast("B") if size else b""],
    }


def load_interval(plan: Plan, ring: int, part: dict[str, Any]) -> IntervalState:
    """Rebuild an interval from ``dump_interval()``; raises ValueError for arrays of another size."""
    state = IntervalState(plan, ring)
    symbols, depth = part["symbols"], part["depth"]
    size = len(symbols)
    state.add(symbols, -1)
    shapes = (
        state.marks[:, :size].shape,
        (START + 1, state.ring.shape[1], size),
        state.state[:, :size].shape,
        (size, depth, state.bars.shape[2]),
        (size, depth, state.stamps.shape[2]),
        state.latest[:size].shape,
    )
    kinds = (np.int64, np.float64, np.float64, np.float64, np.int64, np.float64)
    columns = tuple(
        np.frombuffer(raw, dtype=kind).reshape(shape) if raw else np.empty(shape, dtype=kind)
        for raw, kind, shape in zip(part["columns"], kinds, shapes, strict=True)
    )
    state.put(columns, size)
    return state
