"""History through the engine: what it yields as rows, and the states that continue it in the log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipeline.engine import PartitionEngine
from pipeline.engine_state import OFFSET_
from pipeline.engine_types import EngineConfig, StoredRows
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.features import FeatureBatch, ReturnBatch
from schemas.partitioning import partition_of


class HistoryRefused(Exception):
    """The engine does not take a bar of the history as the first of its time."""


@dataclass(kw_only=True, slots=True, eq=False)
class Yielded:
    """What some batches yielded, each part with its partition, in order."""

    bars: list[tuple[int, BarBatch, StoredRows]] = field(default_factory=list)
    features: list[tuple[int, FeatureBatch]] = field(default_factory=list)
    returns: list[tuple[int, ReturnBatch]] = field(default_factory=list)


class HistoryEngines:
    """One engine a partition, over a log of their own: the feed's opening, the splits, then the bars.

    Splits come first, so each applies at its effective time (P9). Nothing here depends on how the bars are cut into
    chunks.
    """

    def __init__(self, configs: Sequence[EngineConfig], feed: str, splits: Iterable[Adjustment]) -> None:
        self.engines = [PartitionEngine(config) for config in configs]
        for engine in self.engines:
            engine.step(Watermark(feed=feed, event_time=0, state="open"), 0)
        for split in splits:
            engine = self.engines[partition_of(split.symbol, len(configs))]
            step = engine.step(split, engine.next_offset)
            if step.faults or step.repairs:
                raise HistoryRefused(f"the split of {split.symbol!r} at {split.effective_time} is not taken")

    @property
    def code_hash(self) -> str:
        """Names the computation."""
        return self.engines[0].code_hash

    def take(self, partition: int, batch: BarBatch, into: Yielded | None) -> None:
        """Step a batch; what it yields is added to ``into``, or dropped where that is None (it is stored already).

        Raises ``HistoryRefused`` if a row is not the first of its bar.
        """
        engine = self.engines[partition]
        step = engine.step(batch, engine.next_offset)
        if step.faults or step.duplicates or step.repairs or step.stored is None or step.stored.status.any():
            why = step.faults[0].detail if step.faults else "a bar stands there twice, or behind a later one"
            raise HistoryRefused(f"bars at {batch.event_time} on partition {partition}: {why}")
        if into is None:
            return
        into.bars.append((partition, batch, step.stored))
        into.features += [(partition, one) for one in step.features if isinstance(one, FeatureBatch) and one.symbols]
        into.returns += [(partition, one) for one in step.returns if isinstance(one, ReturnBatch)]

    def state(self, symbol: str, interval: str, as_of_offset: int) -> tuple[int, StateRepair]:
        """Return (partition, the message that brings a symbol's state into the log), after its last bar.

        Its bars lie in no log (offset -1, as in ``recompute.History``): whoever makes the state anew from stored bars
        gets the same.
        """
        partition = partition_of(symbol, len(self.engines))
        state = self.engines[partition].states[interval]
        state.stamps[state.places[symbol], :, OFFSET_] = -1
        return partition, self.engines[partition].state_repair(symbol, interval, as_of_offset=as_of_offset)
