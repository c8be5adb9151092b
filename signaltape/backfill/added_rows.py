"""Rows of added feature sets: the log stepped again, partition by partition as it comes, in bulk into the warehouse."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from infra.crash_points import reach
from infra.settings import Settings
from infra.warehouse.added_sets import AddedSetsWriter, Progress
from infra.warehouse.bar_lookup import find_stored
from infra.warehouse.bulk import Rows
from infra.warehouse.connection import Warehouse
from infra.warehouse.feature_rows import FeaturePart, feature_rows
from infra.warehouse.stored_log import is_logged
from pipeline.added_sets import AddedSets
from pipeline.engine import LogMessage
from pipeline.engine_types import LookupMissing, UnsupportedMessage
from schemas.bars import BarBatch, StateRepair
from schemas.features import FeatureBatch
from signaltape.backfill.log_reading import Stretch, read_log
from signaltape.backfill.retelling import Retelling


@dataclass(kw_only=True, slots=True)
class Lane:
    """One partition. ``generations``: (first offset, generation) in order. ``kept``: where the kept state stands."""

    partition: int
    first_generation: int
    generations: list[tuple[int, int]]
    sets: AddedSets
    retelling: Retelling
    next_offset: int
    kept: int = -1

    def generation(self, offset: int) -> int:
        """Return the generation of the log at an offset."""
        return max((number for first, number in self.generations if first <= offset), default=self.first_generation)

    def progress(self) -> Progress:
        """Return where this lane stands, every row of it being written."""
        self.kept = self.next_offset
        engine = self.sets.engine
        return Progress(
            partition=self.partition,
            code_hash=engine.code_hash,
            first_generation=self.first_generation,
            next_offset=self.next_offset,
            state=engine.snapshot(),
        )


@dataclass(kw_only=True)
class AddedRows:
    """Steps lanes through the log and writes what it yields in chunks of ``chunk`` rows, at least.

    The next chunk is computed while one is written. Every ``keep_every_s``, and at the end, the engines' states are
    written with a chunk: the place from which a successor goes on. Rows that it writes again are there already.
    """

    settings: Settings
    writer: AddedSetsWriter
    lanes: Mapping[int, Lane]
    chunk: int
    keep_every_s: float
    rows: int = 0
    messages: int = 0
    _parts: list[FeaturePart] = field(default_factory=list)
    _waiting: int = 0
    _under_way: "Future[int] | None" = None
    _keep_at: float = 0.0

    def load(self, ends: Mapping[int, int], progress: Callable[[int], None]) -> None:
        """Step every lane up to its end (exclusive) and write all rows below; raises what writing raised."""
        stretches = {
            number: Stretch(start=lane.next_offset, end=ends[number], generation=lane.first_generation)
            for number, lane in self.lanes.items()
        }
        self._keep_at = time.monotonic() + self.keep_every_s
        with (
            ThreadPoolExecutor(1, "added-rows") as pool,
            Warehouse(self.settings, "signaltape-backfill-reads") as reads,
        ):
            for number, offset, message in read_log(self.settings, stretches):
                lane = self.lanes[number]
                self._take(lane, (offset, message), reads, pool)
                lane.next_offset = offset + 1
                self.messages += 1
                progress(1)
                if self._waiting >= self.chunk:
                    self._submit(pool, keep=time.monotonic() >= self._keep_at)
            for number, lane in self.lanes.items():
                lane.next_offset = max(lane.next_offset, ends[number])
            self._submit(pool, keep=True)
            self._settle()

    def _take(self, lane: Lane, at: tuple[int, LogMessage], reads: Warehouse, pool: ThreadPoolExecutor) -> None:
        offset, message = at
        if isinstance(message, StateRepair):
            if not is_logged(reads.connection, lane.partition, lane.first_generation, offset):
                return  # dead-lettered
            self._submit(pool, keep=False)
            self._settle()
            told = lane.retelling.tell(reads.connection, message, lane.generation(message.as_of_offset))
            message, rows, added = told
            self.rows += added + sum(self.writer.write(one, ()) for one in rows)
            reach("sets.3_retold")
        generation = lane.generation(offset)
        for batch in self._stepped(lane, (offset, message), reads):
            self._parts.append((batch, lane.partition, generation))
            self._waiting += len(batch.symbols)

    @staticmethod
    def _stepped(lane: Lane, at: tuple[int, LogMessage], reads: Warehouse) -> list[FeatureBatch]:
        offset, message = at
        try:
            return lane.sets.take(message, offset)
        except UnsupportedMessage:
            return []  # dead-lettered by the agent as well
        except LookupMissing:
            if not isinstance(message, BarBatch):
                raise
            lookups = lane.sets.engine.needs_lookup(message)
            found = find_stored(reads.connection, lookups, offset, lane.first_generation)
            return lane.sets.take(message, offset, found)

    def _submit(self, pool: ThreadPoolExecutor, *, keep: bool) -> None:
        """Hand over what waits; ``keep``: with the engines' states as they are behind it."""
        moved = [lane.progress() for lane in self.lanes.values() if lane.next_offset > lane.kept] if keep else []
        if keep:
            self._keep_at = time.monotonic() + self.keep_every_s
        if not self._waiting and not moved:
            return
        self._settle()
        parts, self._parts, self._waiting = self._parts, [], 0
        self._under_way = pool.submit(self._write, parts, moved)

    def _write(self, parts: list[FeaturePart], moved: list[Progress]) -> int:
        rows: Rows = feature_rows(parts)
        reach("sets.3_encoded")
        added = self.writer.write(rows, moved)
        reach("sets.3_chunk")
        return added

    def _settle(self) -> None:
        if self._under_way is not None:
            self.rows += self._under_way.result()
            self._under_way = None
