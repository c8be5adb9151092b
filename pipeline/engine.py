"""The engine of one partition: messages of ``bars`` in offset order in, features and returns out.

Everything it yields is a function of the messages before; it reads no clock and does no I/O.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipeline import engine_snapshot
from pipeline.chain import Chain
from pipeline.engine_memory import BarMemory
from pipeline.engine_output import Source, feature_batches, return_batches
from pipeline.engine_repairs import apply_repair
from pipeline.engine_rows import Decision, RowJudge, row_content
from pipeline.engine_splits import SplitTable
from pipeline.engine_state import AVAILABLE, CLOSE_, COUNT, LAST, OFFSET, IntervalState, Rows
from pipeline.engine_symbol import state_repair
from pipeline.engine_types import EngineConfig, LatestVectors, Lookup, Step, StoredBar, masked
from pipeline.features import FEATURE_SETS, FeatureSet, plan
from pipeline.quality.watch import IntervalQuality, Section, stored_marks
from pipeline.repair_book import RepairBook
from pipeline.returns import matured
from pipeline.watermarks import FeedTable
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.control import ControlEvent
from schemas.features import FeatureBatch, ReturnBatch
from schemas.fields import F8Array, I8Array, U1Array
from schemas.partitioning import partition_of
from schemas.row_faults import RowFault

LogMessage = BarBatch | Watermark | Adjustment | StateRepair | ControlEvent


class PartitionEngine:
    """State of one partition and the step that advances it.

    ``next_offset``: the lowest offset not yet seen. ``event_time``: the highest bar time taken into state (ns UTC,
    0 before the first). ``sets_hash`` and ``code_hash`` say which computation a snapshot belongs to.
    """

    def __init__(self, config: EngineConfig, sets: tuple[FeatureSet, ...] | None = None) -> None:
        """Begin at offset 0. ``sets``: those that the configuration names, where they aren't in the table yet."""
        self.config = config
        self.sets = sets or tuple(FEATURE_SETS[name] for name in config.feature_sets)
        self.plan = plan(self.sets)
        self.sets_hash = _digest(*(f"{chosen.name}:{chosen.version}:{chosen.hash}" for chosen in self.sets))
        horizons = ",".join(map(str, config.horizons))
        self.code_hash = _digest(
            str(engine_snapshot.STATE_VERSION), self.sets_hash, horizons, repr(config.primary_source)
        )
        self.horizons = np.array(config.horizons, dtype=np.int64)[:, None]
        self.next_offset = 0
        self.event_time = 0
        self.features_chain = Chain()
        self.returns_chain = Chain()
        self.feeds = FeedTable()
        self.splits = SplitTable()
        self.memory = BarMemory(config.ring)
        self.repairs = RepairBook()
        self.sources: dict[str, int] = {}
        self.states: dict[str, IntervalState] = {}
        self.quality: dict[str, IntervalQuality] = {}

    @classmethod
    def restore(cls, config: EngineConfig, data: bytes) -> "PartitionEngine":
        """Continue from ``snapshot()``; raises ``SnapshotRefused`` if it was taken by another computation."""
        engine = cls(config)
        engine_snapshot.load(engine, data)
        return engine

    def snapshot(self) -> bytes:
        """Return the whole state; ``restore`` and the messages from ``next_offset`` on give the same bits."""
        return engine_snapshot.dump(self)

    def needs_lookup(self, batch: BarBatch) -> tuple[Lookup, ...]:
        """Return the rows whose fate only the store knows: they lie before what the engine remembers.

        The caller looks them up among the rows stored *before this batch's offset*, written or about to be, and
        passes the results to ``step``.
        """
        state = self.states.get(batch.interval) or IntervalState(self.plan, self.config.ring)
        return self._judge().lookups(batch, state)

    def step(self, message: LogMessage, offset: int, found: Mapping[int, StoredBar | None] | None = None) -> Step:
        """Take the message at ``offset`` and return what it yields.

        ``found`` maps rows of ``needs_lookup`` to the stored bar, None where nothing is stored. Raises
        ``LookupMissing`` if one is absent, ``UnsupportedMessage`` for a message to dead-letter, ValueError for an
        offset below ``next_offset``; state is unchanged then.
        """
        if offset < self.next_offset:
            raise ValueError(f"offset {offset} was taken before; the next one is at least {self.next_offset}")
        if isinstance(message, BarBatch):
            with np.errstate(all="ignore"):
                step = self._bars(message, offset, found or {})
        elif isinstance(message, Watermark):
            step = self._watermark(message, offset)
        elif isinstance(message, ControlEvent):
            (link,) = self.features_chain.links(offset, 1)
            step = Step(features=(replace(message, link=link),), log_event=True)
        elif isinstance(message, Adjustment):
            step = self._adjustment(message, offset)
        else:
            with np.errstate(all="ignore"):
                step = apply_repair(self, message, offset)
        if message.TYPE != StateRepair.TYPE:
            for need in step.repairs:
                self.repairs.need(need, offset)
        self.next_offset = offset + 1
        return step

    def latest(self, feature_set: str, interval: str) -> LatestVectors:
        """Return the newest vector of each warm symbol; raises KeyError for a set that isn't configured."""
        chosen = next(one for one in self.sets if one.name == feature_set) if feature_set in self.plan.choices else None
        if chosen is None:
            raise KeyError(f"feature set {feature_set!r} is not computed here; sets: {', '.join(self.plan.choices)}")
        state = self.states.get(interval) or IntervalState(self.plan, self.config.ring)
        size = len(state.symbols)
        marks = state.marks[:, :size]
        warm = np.flatnonzero(marks[COUNT] > chosen.warm_up)
        values, valid = masked(self.columns_of(chosen.name, state.latest[warm]))
        symbols = tuple(state.symbols[place] for place in warm.tolist())
        return LatestVectors(
            symbols=symbols,
            event_time=marks[LAST, warm],
            source_offset=np.maximum(marks[OFFSET, warm], self.repairs.shown(interval, symbols, feature_set)),
            values=values,
            valid=valid,
            close=state.bars[warm, (marks[COUNT, warm] - 1) % state.raw, CLOSE_],
            available_time=marks[AVAILABLE, warm],
        )

    def state_repair(self, symbol: str, interval: str, *, as_of_offset: int, since: int = 0) -> StateRepair:
        """Return the message that brings this engine's state of a symbol into the log of another engine.

        ``as_of_offset``: the last offset of that log whose messages the state includes, -1 for none; bars that came
        after it are stepped again on top. ``since``: lowest event time (ns UTC) that differs from what that log's
        engine has; 0: everything may. Raises KeyError for a symbol without bars in the interval.
        """
        return state_repair(self, symbol, interval, as_of_offset, since)

    def columns_of(self, feature_set: str, values: F8Array) -> F8Array:
        """Cut a set's columns out of all computed ones, (n, columns)."""
        choice = self.plan.choices[feature_set]
        return values if choice is None else values[:, choice]

    def _quality(self, interval: str) -> IntervalQuality:
        if interval not in self.quality:
            self.quality[interval] = IntervalQuality(interval, self.config.quality)
        return self.quality[interval]

    def _judge(self) -> RowJudge:
        return RowJudge(config=self.config, feeds=self.feeds, memory=self.memory, sources=self.sources)

    def _bars(self, batch: BarBatch, offset: int, found: Mapping[int, StoredBar | None]) -> Step:
        state = self.states.get(batch.interval) or IntervalState(self.plan, self.config.ring)
        decision = self._judge().decide(batch, state, found)
        self._remember(batch, decision)
        picked = None
        if decision.status is not None:
            picked = np.array(decision.firsts(), dtype=np.int64)
            if not picked.shape[0]:
                return self._kept(batch, decision, _NO_MARKS)
            self._admit(batch, picked, state)
        rows = state.locate(batch.symbols)
        if picked is not None:
            rows = rows if picked.shape[0] == len(batch.symbols) else Rows.of(rows.index[picked])
        self.splits.apply(state, rows, batch.event_time)
        last = state.marks[LAST, rows.index]
        advanced = state.advance(rows, batch, picked, offset)
        marks = self._quality(batch.interval).mark(Section(rows, last, batch.event_time, advanced), state)
        self.event_time = max(self.event_time, batch.event_time)
        symbols = batch.symbols if picked is None else tuple(batch.symbols[row] for row in picked.tolist())
        source = Source(batch=batch, symbols=symbols, advanced=advanced)
        links = self.features_chain.links(offset, len(self.sets))
        features = feature_batches(
            source, links, [(one, self.columns_of(one.name, advanced.values)) for one in self.sets]
        )
        ripe = matured(state, rows, advanced, self.horizons)
        returns = return_batches(source, self.returns_chain.links(offset, len(ripe)), ripe)
        return self._kept(batch, decision, marks, features, returns)

    @staticmethod
    def _kept(
        batch: BarBatch,
        decision: Decision,
        marks: U1Array,
        features: tuple[FeatureBatch, ...] = (),
        returns: tuple[ReturnBatch, ...] = (),
    ) -> Step:
        stored = decision.stored(len(batch.symbols))
        return Step(
            features=features,
            returns=returns,
            stored=None if stored is None else replace(stored, marks=stored_marks(batch, stored, marks)),
            faults=tuple(decision.faults),
            duplicates=decision.duplicates,
            repairs=tuple(decision.repairs),
        )

    def _remember(self, batch: BarBatch, decision: Decision) -> None:
        for row in decision.remember:
            key = (batch.interval, batch.symbols[row], batch.source)
            self.memory.add(key, batch.event_time, batch.revision, row_content(batch, row))

    def _admit(self, batch: BarBatch, picked: I8Array, state: IntervalState) -> None:
        """Make places for the symbols that are new in this interval."""
        new = [symbol for row in picked.tolist() if (symbol := batch.symbols[row]) not in state.places]
        if not new:
            return
        self.states[batch.interval] = state
        state.add(new, self.sources.setdefault(batch.source, len(self.sources)))
        for symbol in new:
            self.splits.begin(state, symbol, batch.event_time)

    def _watermark(self, message: Watermark, offset: int) -> Step:
        time = self.feeds.receive(message)
        (feature_link,) = self.features_chain.links(offset, 1)
        (return_link,) = self.returns_chain.links(offset, 1)
        return Step(
            features=(replace(message, link=feature_link, partition_time=time),),
            returns=(replace(message, link=return_link, partition_time=time),),
            log_event=True,
        )

    def _adjustment(self, message: Adjustment, offset: int) -> Step:
        owner = partition_of(message.symbol, self.config.partitions)
        if owner != self.config.partition:
            detail = f"{message.symbol!r} belongs to partition {owner}, not {self.config.partition}"
            fault = RowFault(row=0, symbol=message.symbol, code="wrong_partition", detail=detail)
            return Step(faults=(fault,))
        faults, duplicates, repairs = self.splits.receive(message, offset, self.states)
        return Step(faults=faults, duplicates=duplicates, repairs=repairs, log_event=not faults)


#: Of a batch that advances nothing.
_NO_MARKS = np.empty(0, dtype=np.uint8)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
