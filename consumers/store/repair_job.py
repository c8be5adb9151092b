"""The repair job: a symbol's derived rows and state are made anew after a correction.

The feature agent writes down what a higher revision, a late bar or a late split asks for. One instance of the store
at a time (a session lock in Postgres) works the requests off, those of one symbol together, with the numbers of its
crash points:

1. read the open requests of all symbols;
2. recompute one symbol as the log had it at the newest of its requests: from the newest kept snapshot that no
   correction reaches back into, or from its first bar, over stored bars and splits;
3. one transaction: the feature and return rows whose bits changed, as corrections under the revision of the newest
   correcting message;
4. publish `StateRepair` into `bars`, acknowledged. The agent takes the state at its place in the log, steps the bars
   since then again, and derives those rows itself; what contradicts the log by then it drops and asks for anew;
5. mark the requests as done.

A process that dies before 3 leaves nothing. After it, the same request is worked off again: what it recomputes
follows from the log up to that request alone, so the rows are the same and exist already, and the agent applies the
same state a second time, which changes no value. Two instances that both believe to hold the lock do no more than
that either.
"""

from collections.abc import Callable

from infra.broker.publisher import Publisher
from infra.crash_points import reach
from infra.engine_choice import engine_config
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import REPAIRS
from infra.warehouse.added_sets import known_sets, refuse_other_sets
from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.correction_rows import write_changed
from infra.warehouse.corrections import (
    RepairTask,
    fail,
    finish,
    kept_state,
    kept_states,
    open_tasks,
    source_of,
    stored_history,
    stored_splits,
)  # fmt: skip
from infra.warehouse.feature_rounds import SERVICE as FEATURES
from pipeline.engine import PartitionEngine
from pipeline.engine_state import LAST, IntervalState
from pipeline.engine_symbol import cut_out
from pipeline.engine_types import EngineConfig, SnapshotRefused
from pipeline.features import FEATURE_SETS
from pipeline.recompute import Beginning, Recomputation
from schemas.bars import StateRepair
from schemas.codec import encode
from schemas.headers import event_headers
from schemas.ids import state_repair_id
from schemas.topics import TopicNames


class RequestRefusedError(Exception):
    """A request that can't be answered, whoever tries: it is marked as failed, with this reason."""


class RepairJob:
    """Works requests off; not for several threads at once. ``check`` raises once the lock is lost."""

    def __init__(self, settings: Settings, publisher: Publisher, check: Callable[[], None] = lambda: None) -> None:
        self._settings, self._publisher, self._check = settings, publisher, check
        self._topic = TopicNames(settings.topics.prefix).bars
        self._warehouse = Warehouse(settings, "signaltape-store-repairs")
        self._kept: tuple[tuple[int, int, int], PartitionEngine] | None = None

    def work_off(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Answer every open request; return how many symbols that were.

        Raises WarehouseUnavailable (call again), PublishError, LockLostError, and SetsDiffer if the settings name other
        sets than the agent computes: it would not take their states.
        """
        tasks = self._warehouse.run(open_tasks)
        if not tasks:
            return 0
        self._warehouse.run(self._refuse_other_sets)
        reach("repair.1_read")
        places = self._warehouse.run(lambda connection: read_checkpoints(connection, FEATURES, self._topic))
        for count, task in enumerate(tasks):
            if stopping():
                return count
            self._check()
            known = places.get(task.partition)
            self._answer(task, 1 if known is None else known.first_generation)
        return len(tasks)

    def close(self) -> None:
        """Close the connection."""
        self._warehouse.close()

    def _refuse_other_sets(self, connection: Connection) -> None:
        sets = [FEATURE_SETS[name] for name in self._settings.engine.feature_sets]
        for known in known_sets(connection, self._topic).values():
            refuse_other_sets(known, sets)

    def _answer(self, task: RepairTask, first_generation: int) -> None:
        """Steps 2 to 5 for one symbol."""
        log = get_logger().bind(symbol=task.symbol, interval=task.interval, partition=task.partition, as_of=task.as_of)
        try:
            work, begins = self._warehouse.run(lambda connection: self._recomputed(connection, task, first_generation))
        except RequestRefusedError as refusal:
            reason = str(refusal)
            self._warehouse.run(lambda connection: fail(connection, task, reason))
            REPAIRS.labels(outcome="failed").inc()
            log.warning("repair_failed", reason=reason)
            return
        reach("repair.2_recomputed")
        rows = self._warehouse.run(lambda connection: write_changed(connection, task, work))
        reach("repair.3_stored")
        if self._settings.store.publish_repairs:
            self._publish(task.partition, work.state_repair(task.symbol, task.as_of, task.since))
        reach("repair.4_published")
        self._warehouse.run(lambda connection: finish(connection, task, begins))
        reach("repair.5_marked")
        REPAIRS.labels(outcome="done").inc()
        log.info("repaired", requests=len(task.ids), begins=begins, feature_rows=rows[0], return_rows=rows[1])

    def _recomputed(self, connection: Connection, task: RepairTask, first_generation: int) -> tuple[Recomputation, str]:
        """Step 2; second: where the recomputation began."""
        if task.generation < first_generation:
            raise RequestRefusedError(
                f"asked for in an earlier log (generation {task.generation}; the present one begins with generation "
                f"{first_generation}): publish the corrected bar into the present log"
            )
        config = engine_config(self._settings, task.partition)
        source = config.primary_source or source_of(connection, task)
        splits = stored_splits(connection, task, first_generation)
        work = Recomputation(config, task.interval, splits)
        cell, begins = self._beginning(connection, task, config, (first_generation, work.engine.code_hash))
        after = 0 if cell is None else int(cell.marks[LAST, 0])
        history = stored_history(connection, task, first_generation, source=source or "", after=after)
        if source is None or (cell is None and not history.place.shape[0]):
            raise RequestRefusedError(f"no bar of {task.symbol!r} at {task.interval} from its primary source is stored")
        work.run(history, {task.symbol: Beginning(source=source, since=task.since, cell=cell)})
        return work, begins

    def _beginning(
        self, connection: Connection, task: RepairTask, config: EngineConfig, of: tuple[int, str]
    ) -> tuple[IntervalState | None, str]:
        """Return the symbol's state from the newest kept snapshot before what is corrected, None for its first bar.

        Second: the same in words.
        """
        for generation, offset in kept_states(connection, task, *of):
            engine = self._restored(connection, config, (task.partition, generation, offset))
            state = None if engine is None else engine.states.get(task.interval)
            if engine is None or state is None or task.symbol not in state.places:
                continue
            if (task.interval, task.symbol) not in engine.repairs.awaiting:
                return cut_out(
                    state, state.places[task.symbol]
                ), f"begins with the kept snapshot before offset {offset}"
        return None, "begins with the first bar"

    def _restored(
        self, connection: Connection, config: EngineConfig, key: tuple[int, int, int]
    ) -> PartitionEngine | None:
        """Return the engine of a kept snapshot; the last one is remembered, for the next symbol."""
        if self._kept is None or self._kept[0] != key:
            data = kept_state(connection, *key)
            if data is None:
                return None
            try:
                self._kept = (key, PartitionEngine.restore(config, data))
            except SnapshotRefused as refusal:
                get_logger().warning("kept_snapshot_left_out", place=key, reason=str(refusal))
                return None
        return self._kept[1]

    def _publish(self, partition: int, repair: StateRepair) -> None:
        headers = event_headers(repair.TYPE, state_repair_id(partition, repair), "store/repairs", repair.available_time)
        self._publisher.send(self._topic, partition, encode(repair), key=repair.symbol.encode(), headers=headers)
        self._publisher.flush_acknowledged()
