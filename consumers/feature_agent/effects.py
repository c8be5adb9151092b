"""Steps 4 to 6 of a round, in a thread of their own: at most one round's are under way."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import structlog

from consumers.feature_agent.work import Effects, Snapshot, Vectors
from consumers.shell import Committer, Patience
from infra.crash_points import reach
from infra.online.errors import OnlineUnavailable
from infra.online.store import OnlineStore
from infra.settings import Settings
from infra.telemetry.metrics import ONLINE_STALE, ROWS_STORED
from infra.warehouse.checkpoints import KeptSnapshot, keep_snapshot, save_snapshot
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.errors import WarehouseUnavailable
from infra.warehouse.feature_rounds import FeatureRoundWriter, PartitionRound

_log = structlog.get_logger()


class EffectThread:
    """Carries out ``Effects`` one after the other, beside the thread that calls it.

    4. One transaction: rows and ``effect_offset`` under the epoch. Postgres away: repeated until it is back.
    5. Redis: the newest vectors. Redis away: the partitions are marked stale, the flow goes on.
    6. Snapshots, durable in the checkpoint; then, and only then, the group's offset in Kafka.
    """

    def __init__(self, settings: Settings, topic: str, committer: Committer, patience: Patience) -> None:
        self._topic = topic
        self._committer, self._patience = committer, patience
        self.writer = FeatureRoundWriter(settings, topic)
        self._warehouse = Warehouse(settings, "signaltape-features-snapshots")
        self._online = OnlineStore(settings)
        self._pending: Future[None] | None = None
        self._shown: set[int] = set()

    @property
    def busy(self) -> bool:
        """True while effects are under way."""
        return self._pending is not None and not self._pending.done()

    @property
    def stale(self) -> frozenset[int]:
        """Partitions whose vectors in Redis may be old."""
        return self._online.stale_partitions

    def submit(self, effects: Effects) -> None:
        """Start the effects of a round after waiting for those before. Raises what those raised."""
        self.settle()
        self._pending = Future()
        # A daemon: a server that hangs for ever must not keep a process alive that has to end.
        threading.Thread(target=self._run, args=(self._pending, effects), name="effects", daemon=True).start()

    def settle(self) -> None:
        """Wait until nothing is under way. Raises what failed."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def forget(self, partition: int) -> None:
        """A partition is no longer ours: its vectors in Redis are its new owner's concern."""
        self._shown.discard(partition)

    def close(self) -> None:
        """Release connections; call it after ``settle``."""
        self.writer.close()
        self._warehouse.close()
        self._online.close()

    def _run(self, pending: Future[None], effects: Effects) -> None:
        try:
            self.carry_out(effects)
        except BaseException as error:
            pending.set_exception(error)
        else:
            pending.set_result(None)

    def carry_out(self, effects: Effects) -> None:
        """Do steps 4 to 6 in this order."""
        if effects.rounds:
            self.store(effects.rounds)
            reach("features.4_stored")
        if effects.vectors or effects.repaired:
            self._show(effects.vectors, effects.repaired)
            reach("features.5_online")
        for snapshot in effects.snapshots:
            self.save(snapshot)

    def store(self, rounds: Sequence[PartitionRound]) -> None:
        """Step 4: write the rounds; a lost commit is found out about by writing them again."""
        report = self._patience.persist("postgres", (WarehouseUnavailable,), lambda: self.writer.write(rounds))
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
