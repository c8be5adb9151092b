"""States in the log, made anew for more feature sets.

A ``StateRepair`` holds the state of the sets that were computed when it was written. What it was made of is stored: the
bars and splits as of its offset. So the repair job's work (or a load's) is done again for all sets, its rows for the
new ones are written, and the new state takes the old one's place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from infra.engine_choice import engine_config
from infra.settings import Settings
from infra.warehouse.bulk import Rows
from infra.warehouse.connection import Connection
from infra.warehouse.correction_rows import write_changed_sets
from infra.warehouse.corrections import RepairTask, source_of, stored_history, stored_splits
from infra.warehouse.feature_rows import history_rows
from infra.warehouse.loaded_bars import loaded_history
from infra.warehouse.queries import queries
from pipeline.engine_symbol import state_since
from pipeline.features import FeatureSet
from pipeline.recompute import Beginning, FeatureTable, History, Recomputation
from schemas.bars import StateRepair
from schemas.fields import I8Array
from signaltape.backfill.errors import BackfillRefused


@dataclass(frozen=True, slots=True)
class _Load:
    """What was computed of histories: the symbols, and each set's table with their rows together."""

    work: Recomputation
    symbols: tuple[str, ...]
    tables: tuple[tuple[FeatureSet, FeatureTable], ...]

    @classmethod
    def of(cls, work: Recomputation, history: History, sets: Sequence[FeatureSet]) -> "_Load":
        return cls(work, history.symbols, tuple((one, _by_symbol(work.features(one.name))) for one in sets))

    def rows(self, symbol: str, interval: str, partition: int) -> list[Rows]:
        number, found = self.symbols.index(symbol), []
        for chosen, table in self.tables:
            first, end = np.searchsorted(table.place, [number, number + 1])
            found.append(history_rows(chosen, (symbol, interval, partition), _taken(table, slice(first, end))))
        return found


@dataclass(kw_only=True, slots=True)
class Retelling:
    """Makes the states of one partition anew. ``sets``: those that are new."""

    settings: Settings
    partition: int
    first_generation: int
    sets: tuple[FeatureSet, ...]
    _loads: dict[str, _Load] = field(default_factory=dict)

    def tell(
        self, connection: Connection, repair: StateRepair, generation: int
    ) -> tuple[StateRepair, Sequence[Rows], int]:
        """Return the message with the state of all sets, rows to be written, and how many were written here.

        ``generation``: the log's at the message's ``as_of_offset``. Every row of the new sets up to there is stored.
        What the repair job adds are corrections under its request's revision, written in a transaction of their own;
        a load's rows have revision 0. Done twice, the second time adds nothing.
        """
        task = RepairTask(
            partition=self.partition,
            symbol=repair.symbol,
            interval=repair.interval,
            ids=(),
            generation=generation,
            as_of=repair.as_of_offset,
            since=state_since(repair),
        )
        place = task.place(self.first_generation) | {"generation": generation}
        asked = connection.execute(queries("added_sets")["asked for"], place).fetchone()
        if asked is not None and asked[0]:
            work, _ = self._recomputed(connection, task)
            with connection.transaction():
                added = write_changed_sets(connection, task, work, self.sets)
                connection.execute(queries("added_sets")["recount"], place)
            return work.state_repair(task.symbol, task.as_of, task.since), (), added
        load = self._load(connection, task)
        rows = load.rows(task.symbol, task.interval, self.partition)
        return load.work.state_repair(task.symbol, task.as_of, task.since), rows, 0

    def _load(self, connection: Connection, task: RepairTask) -> _Load:
        """The work of a load: all its symbols at once, but those with splits, whose states lie behind these."""
        if task.as_of >= 0:
            return _Load.of(*self._recomputed(connection, task), self.sets)
        if task.interval not in self._loads:
            history, sources = loaded_history(connection, self.partition, task.interval)
            work = Recomputation(engine_config(self.settings, self.partition), task.interval, ())
            work.run(history, {symbol: Beginning(source=source) for symbol, source in sources.items()})
            self._loads[task.interval] = _Load.of(work, history, self.sets)
        if task.symbol not in self._loads[task.interval].symbols:
            raise BackfillRefused(f"the log has a state of {task.symbol} whose bars are not stored")
        return self._loads[task.interval]

    def _recomputed(self, connection: Connection, task: RepairTask) -> tuple[Recomputation, History]:
        config = engine_config(self.settings, self.partition)
        source = config.primary_source or source_of(connection, task)
        work = Recomputation(config, task.interval, stored_splits(connection, task, self.first_generation))
        history = stored_history(connection, task, self.first_generation, source=source or "", after=0)
        if source is None or not history.place.shape[0]:
            raise BackfillRefused(f"the log has a state of {task.symbol} whose bars are not stored")
        work.run(history, {task.symbol: Beginning(source=source, since=task.since)})
        return work, history


def _by_symbol(table: FeatureTable) -> FeatureTable:
    return _taken(table, np.argsort(table.place, kind="stable"))


def _taken(table: FeatureTable, rows: I8Array | slice) -> FeatureTable:
    return FeatureTable(*(getattr(table, name)[rows] for name in FeatureTable.__dataclass_fields__))
