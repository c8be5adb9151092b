"""What becomes of each row of a batch: first, correction, late, secondary, duplicate or fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.engine_memory import BarMemory, Content
from pipeline.engine_state import COUNT, LAST, REVISION_, SOURCE, TIME_, IntervalState, Rows
from pipeline.engine_types import (
    CORRECTION,
    FIRST,
    LATE,
    SECONDARY,
    EngineConfig,
    Lookup,
    LookupMissing,
    RepairNeed,
    StoredBar,
    StoredRows,
)  # fmt: skip
from pipeline.watermarks import FeedTable
from schemas.bars import BarBatch
from schemas.fields import BoolArray
from schemas.intervals import DAY, session_of
from schemas.partitioning import partition_of
from schemas.row_faults import RowFault, bar_row_faults


@dataclass(slots=True)
class Decision:
    """Fate of a batch's rows. ``status``: row → code of ``ROW_STATUSES``; None means that every row is a first."""

    status: dict[int, int] | None = None
    faults: list[RowFault] = field(default_factory=list)
    duplicates: int = 0
    repairs: list[RepairNeed] = field(default_factory=list)
    remember: list[int] = field(default_factory=list)
    lookups: list[int] = field(default_factory=list)

    def firsts(self) -> list[int]:
        """Rows that advance state, in row order; only where ``status`` isn't None."""
        return [row for row, code in sorted((self.status or {}).items()) if code == FIRST]

    def stored(self, size: int) -> StoredRows | None:
        """Return the rows to keep, None if there are none."""
        if self.status is None:
            return StoredRows(rows=np.arange(size), status=np.full(size, FIRST, dtype=np.uint8))
        if not self.status:
            return None
        kept = sorted(self.status.items())
        return StoredRows(
            rows=np.array([row for row, _ in kept], dtype=np.int64),
            status=np.array([code for _, code in kept], dtype=np.uint8),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RowJudge:
    """Decides rows from what lay before them in the log; changes nothing itself."""

    config: EngineConfig
    feeds: FeedTable
    memory: BarMemory
    sources: dict[str, int]

    def decide(self, batch: BarBatch, state: IntervalState, found: Mapping[int, StoredBar | None] | None) -> Decision:
        """Decide all rows; ``found`` holds results of look-ups, None collects what would need one."""
        if not self.feeds.is_open(batch.feed):
            detail = f"feed {batch.feed!r} is not open on partition {self.config.partition}; send a watermark 'open'"
            return Decision(status={}, faults=self._all(batch, "feed_not_open", detail))
        good, faults = bar_row_faults(batch)
        rows = state.locate(batch.symbols)
        suspicious = self._suspicious(batch, state, rows, good)
        if suspicious is None:
            return Decision()
        decision = Decision(status=dict.fromkeys(np.flatnonzero(~suspicious).tolist(), FIRST), faults=list(faults))
        for row in np.flatnonzero(suspicious & good).tolist():
            self._row(decision, batch, (row, int(rows.index[row])), state, found)
        return decision

    def _suspicious(self, batch: BarBatch, state: IntervalState, rows: Rows, good: BoolArray) -> BoolArray | None:
        """Return the mask of rows that need a closer look, None if there is none."""
        source = self.sources.get(batch.source, -2)
        behind = batch.event_time <= self.feeds.floor(batch.feed)
        if not len(state.symbols):
            return np.ones(len(batch.symbols), dtype=np.bool_)
        marks = state.marks[:, rows.key]
        # An unknown symbol indexes the last place: whatever that says, the row is suspicious.
        first_time = batch.event_time
        if batch.interval == "1d":
            first_time = session_of(batch.event_time) * DAY + 1
        clear: BoolArray = (marks[LAST] < first_time) & (marks[SOURCE] == source) & (rows.index >= 0) & good
        if behind:
            clear[:] = False
        return None if clear.all() else ~clear

    def _row(
        self,
        decision: Decision,
        batch: BarBatch,
        place: tuple[int, int],
        state: IntervalState,
        found: Mapping[int, StoredBar | None] | None,
    ) -> None:
        row, at = place
        symbol, time = batch.symbols[row], batch.event_time
        if at < 0 and partition_of(symbol, self.config.partitions) != self.config.partition:
            owner = partition_of(symbol, self.config.partitions)
            detail = f"{symbol!r} belongs to partition {owner}, not {self.config.partition}"
            decision.faults.append(RowFault(row=row, symbol=symbol, code="wrong_partition", detail=detail))
            return
        primary = self._is_primary(batch.source, at, state)
        ahead = at < 0 or time > int(state.marks[LAST, at])
        assert decision.status is not None
        if primary and (clash := self._second_close(batch, at, state)) is not None:
            detail = f"{symbol!r} already has a close at {clash} in the session of {time}"
            decision.faults.append(RowFault(row=row, symbol=symbol, code="second_close", detail=detail))
            return
        if primary and ahead and time > self.feeds.floor(batch.feed):
            decision.status[row] = FIRST
            return
        known = self._known(batch, row, at if primary else -1, state)
        if known is None:
            known = self._looked_up(decision, batch, row, found)
        if known is not None:
            self._against(decision, batch, row, (known, primary))

    def _is_primary(self, source: str, at: int, state: IntervalState) -> bool:
        if self.config.primary_source is not None:
            return source == self.config.primary_source
        return at < 0 or int(state.marks[SOURCE, at]) == self.sources.get(source, -2)

    @staticmethod
    def _second_close(batch: BarBatch, at: int, state: IntervalState) -> int | None:
        if batch.interval != "1d" or at < 0:
            return None
        times = state.stamps[at, : min(state.raw, int(state.marks[COUNT, at])), TIME_]
        clash = times[((times - 1) // DAY == session_of(batch.event_time)) & (times != batch.event_time)]
        return int(clash[0]) if clash.shape[0] else None

    def _known(self, batch: BarBatch, row: int, at: int, state: IntervalState) -> dict[int, Content] | None:
        """Return the revisions seen of this bar, None if only the store knows."""
        key = (batch.interval, batch.symbols[row], batch.source)
        known = dict(self.memory.get(key, batch.event_time))
        complete = batch.event_time >= self.memory.floor(key)
        if at >= 0:
            count = int(state.marks[COUNT, at])
            times = state.stamps[at, : min(state.raw, count), TIME_]
            here = np.flatnonzero(times == batch.event_time)
            if here.shape[0]:
                slot = int(here[0])
                known[int(state.stamps[at, slot, REVISION_])] = _content(state.bars[at, slot, :5].tolist())
            complete = complete and (count <= state.raw or batch.event_time >= int(times.min()))
        return known if complete or batch.revision in known else None

    @staticmethod
    def _looked_up(
        decision: Decision, batch: BarBatch, row: int, found: Mapping[int, StoredBar | None] | None
    ) -> dict[int, Content] | None:
        if found is None:
            decision.lookups.append(row)
            return None
        if row not in found:
            raise LookupMissing(
                f"row {row} ({batch.symbols[row]!r} at {batch.event_time}) lies before what the engine remembers; "
                "pass the result of its look-up in 'found'"
            )
        bar = found[row]
        return {} if bar is None else {bar.revision: (bar.open, bar.high, bar.low, bar.close, bar.volume)}

    @staticmethod
    def _against(decision: Decision, batch: BarBatch, row: int, seen: tuple[dict[int, Content], bool]) -> None:
        """Decide a row of a bar whose seen revisions are known (none: it was never seen)."""
        known, primary = seen
        symbol = batch.symbols[row]
        assert decision.status is not None
        if batch.revision in known:
            if known[batch.revision] == row_content(batch, row):
                decision.duplicates += 1
                return
            detail = f"revision {batch.revision} of {symbol!r} at {batch.event_time} exists with other content"
            decision.faults.append(RowFault(row=row, symbol=symbol, code="revision_conflict", detail=detail))
            return
        decision.remember.append(row)
        newest = max(known, default=None)
        if not primary:
            decision.status[row] = SECONDARY
            return
        decision.status[row] = CORRECTION if newest is not None and batch.revision > newest else LATE
        if newest is None or batch.revision > newest:
            # A revision below one already seen changes nothing that is derived: it is kept, without a repair.
            reason = "late" if newest is None else "revision"
            need = RepairNeed(symbol=symbol, interval=batch.interval, event_time=batch.event_time, reason=reason)
            decision.repairs.append(need)

    @staticmethod
    def _all(batch: BarBatch, code: str, detail: str) -> list[RowFault]:
        return [RowFault(row=row, symbol=symbol, code=code, detail=detail) for row, symbol in enumerate(batch.symbols)]

    def lookups(self, batch: BarBatch, state: IntervalState) -> tuple[Lookup, ...]:
        """Return the rows of ``batch`` that only the store can decide."""
        return tuple(
            Lookup(
                row=row,
                symbol=batch.symbols[row],
                interval=batch.interval,
                event_time=batch.event_time,
                source=batch.source,
                revision=batch.revision,
            )
            for row in self.decide(batch, state, None).lookups
        )


def row_content(batch: BarBatch, row: int) -> Content:
    """Return what makes two bars of one key and revision the same."""
    prices = float(batch.open[row]), float(batch.high[row]), float(batch.low[row]), float(batch.close[row])
    return (*prices, float(batch.volume[row]) if batch.volume_valid[row] else None)


def _content(values: list[float]) -> Content:
    open_, high, low, close, volume = values
    return (open_, high, low, close, None if volume != volume else volume)
