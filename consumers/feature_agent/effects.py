"""Steps 4 to 6 of the rounds, beside the thread that takes messages."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from consumers.feature_agent.newest import newest_vectors
from consumers.feature_agent.work import Effects, Snapshot, Vectors, together
from consumers.shell import Committer, Patience
from infra.crash_points import reach
from infra.online.errors import OnlineUnavailable
from infra.online.store import OnlineStore
from infra.settings import Settings
from infra.telemetry.metrics import ONLINE_STALE, ROWS_STORED
from infra.warehouse.bulk import Rows
from infra.warehouse.checkpoints import KeptSnapshot, keep_snapshot, save_snapshot
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.errors import WarehouseUnavailable
from infra.warehouse.feature_rounds import FeatureRoundWriter, PartitionRound, rows_of

_log = structlog.get_logger()
#: Bars that may wait behind the effects at hand: bounds memory, and what a successor has to do again.
_WAITING_BARS = 25_000


class EffectThread:
    """Carries out ``Effects`` in their order, beside the thread that calls.

    4. One transaction: rows and ``effect_offset`` under the epoch. Postgres away: repeated until it is back.
    5. Redis: the newest vectors. Redis away: the partitions are marked stale, the flow goes on.
    6. Snapshots, durable in the checkpoint; then, and only then, the group's offset in Kafka.

    While the servers are slower than the rounds, some wait; those that wait together go in one transaction.
    """

    def __init__(self, settings: Settings, topic: str, committer: Committer, patience: Patience) -> None:
        self._topic = topic
        self._committer, self._patience = committer, patience
        self.writer = FeatureRoundWriter(settings, topic)
        self._warehouse = Warehouse(settings, "signaltape-features-snapshots")
        self._online = OnlineStore(settings)
        self._turn = threading.Condition()
        self._waiting: deque[Effects] = deque()
        self._next: tuple[Effects, tuple[Rows, ...]] | None = None
        self._waiting_rounds = settings.features.waiting_rounds
        self._submitted = self._finished = 0
        self._failure: BaseException | None = None
        self._shown: set[int] = set()

    @property
    def busy(self) -> bool:
        """True while effects are under way or wait."""
        return self._failure is None and self._submitted != self._finished

    @property
    def stale(self) -> frozenset[int]:
        """Partitions whose vectors in Redis may be old."""
        return self._online.stale_partitions

    def submit(self, effects: Effects) -> None:
        """Hand effects over, waiting while too much is on its way. Raises what earlier ones raised."""
        if not self._submitted:
            # Daemons: a server that hangs for ever must not keep a process alive that has to end.
            for name, work in (("rows", self._make_rows), ("effects", self._carry_out)):
                threading.Thread(target=self._run, args=(work,), name=name, daemon=True).start()
        with self._turn:
            self._turn.wait_for(lambda: self._failure is not None or self._has_room())
            self._raise_failure()
            self._waiting.append(effects)
            self._submitted += 1
            self._turn.notify_all()

    def settle(self) -> None:
        """Wait until nothing is under way. Raises what failed."""
        with self._turn:
            self._turn.wait_for(lambda: not self.busy)
            self._raise_failure()

    def _has_room(self) -> bool:
        return len(self._waiting) < self._waiting_rounds and sum(one.bars for one in self._waiting) < _WAITING_BARS

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def forget(self, partition: int) -> None:
        """A partition is no longer ours: its vectors in Redis are its new owner's concern."""
        self._shown.discard(partition)
        self._online.forget_stale(partition)
        ONLINE_STALE.set(float(bool(self._online.stale_partitions)))

    def close(self) -> None:
        """Release threads and connections; call it after ``settle``."""
        with self._turn:
            self._failure = self._failure or RuntimeError("the effects are closed")
            self._turn.notify_all()
        self.writer.close()
        self._warehouse.close()
        self._online.close()

    def _run(self, work: Callable[[], None]) -> None:
        while self._failure is None:
            try:
                work()
            except BaseException as error:
                self._failure = error
            with self._turn:
                self._turn.notify_all()

    def _make_rows(self) -> None:
        """Make the rows of what waits, while those before are being stored."""
        with self._turn:
            self._turn.wait_for(lambda: self._failure is not None or (self._waiting and self._next is None))
            if self._failure is not None:
                return
            effects = together(self._waiting)
            self._turn.notify_all()
        rows = rows_of(effects.rounds)
        with self._turn:
            self._next = (effects, rows)
            self._turn.notify_all()

    def _carry_out(self) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._failure is not None or self._next is not None)
            if self._failure is not None or self._next is None:
                return
            effects, rows = self._next
            self._next = None
            self._turn.notify_all()
        self.carry_out(effects, rows)
        with self._turn:
            self._finished += effects.together

    def carry_out(self, effects: Effects, rows: tuple[Rows, ...]) -> None:
        """Do steps 4 to 6 in this order."""
        vectors = list(effects.vectors)
        if effects.rounds:
            self.store(effects.rounds, rows)
            reach("features.4_stored")
            for one in effects.rounds:
                vectors += newest_vectors(one.partition, one.features)
        if vectors or effects.repaired:
            self._show(vectors, effects.repaired)
            reach("features.5_online")
        for snapshot in effects.snapshots:
            self.save(snapshot)

    def store(self, rounds: Sequence[PartitionRound], rows: tuple[Rows, ...]) -> None:
        """Step 4: write the rounds; a lost commit is found out about by writing them again."""
        report = self._patience.persist("postgres", (WarehouseUnavailable,), lambda: self.writer.write(rounds, rows))
        for table, count in report.inserted.items():
            ROWS_STORED.labels(table=table).inc(count)

    def save(self, snapshot: Snapshot) -> None:
        """Step 6: the snapshot first, the group's offset after it."""
        self.make_durable(snapshot)
        reach("features.6_snapshot")
        self.commit(snapshot)
        reach("features.6_committed")

    def make_durable(self, snapshot: Snapshot) -> None:
        """Write the snapshot into the checkpoint and, once a session, among the kept ones."""
        kept = KeptSnapshot(
            partition=snapshot.taken.partition,
            source_offset=snapshot.offset,
            event_time=snapshot.event_time,
            code_hash=snapshot.code_hash,
            sets_hash=snapshot.sets_hash,
            generation=snapshot.taken.generation,
            snapshot=snapshot.state,
        )

        def write(connection: Connection) -> None:
            save_snapshot(connection, snapshot.taken, snapshot.offset, snapshot.state)
            if snapshot.keep:
                keep_snapshot(connection, kept)

        self._patience.persist("postgres", (WarehouseUnavailable,), lambda: self._warehouse.run(write))

    def commit(self, snapshot: Snapshot) -> None:
        """Set the group's offset; where that fails it stays a lower bound."""
        self._committer.commit({(self._topic, snapshot.taken.partition): snapshot.offset})

    def _show(self, vectors: Sequence[Vectors], repaired: frozenset[int]) -> None:
        """Step 5: write vectors; what can't be written makes its partitions stale until all are written again."""
        stale = self._online.stale_partitions
        self._shown.update(one.partition for one in vectors)
        try:
            for one in vectors:
                self._online.write(one.feature_set, one.set_version, one.interval, one.vectors)
            self._online.clear_stale(repaired)
            if stale & repaired:
                _log.info("online store repaired", partitions=sorted(repaired))
        except OnlineUnavailable as error:
            # A server that went away may have lost its last second: that concerns every partition shown so far.
            lost = self._shown | repaired
            if not lost <= stale:
                _log.warning("online store is stale", partitions=sorted(lost), error=str(error))
            self._online.mark_stale(lost, str(error))
        ONLINE_STALE.set(float(bool(self._online.stale_partitions)))
