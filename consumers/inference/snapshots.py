"""Router snapshots: when one is written, and the transaction in which it is."""

import time
from collections.abc import Callable, Iterable

from consumers.inference.outbox import Outbox
from consumers.inference.restore import Owned
from consumers.inference.transaction import Transactions
from infra.service_settings import InferenceSettings
from schemas.intervals import SECOND

#: Adds the offsets of these partitions to the open transaction.
AddOffsets = Callable[[Iterable[int]], None]


class SnapshotWriter:
    """Writes snapshots of partitions between their source messages; raises what ``Transactions`` does."""

    def __init__(
        self, options: InferenceSettings, transactions: Transactions, outbox: Outbox, add_offsets: AddOffsets
    ) -> None:
        self._options, self._transactions, self._outbox = options, transactions, outbox
        self._add_offsets = add_offsets

    def is_due(self, owned: Owned) -> bool:
        """Say whether enough was taken since the last one."""
        head = owned.inference.standing.head
        if head is None or owned.inference.half_taken:
            return False
        if owned.snapshot < 0 or owned.snapshot_head is None or owned.batches >= self._options.snapshot_batches:
            return True
        return head - owned.snapshot_head >= self._options.snapshot_event_s * SECOND

    def is_old(self, owned: Owned, now_s: float) -> bool:
        """Say whether the last one will expire if nothing more comes; ``now_s``: seconds since 1970."""
        if owned.snapshot_written < 0 or owned.inference.half_taken:
            return False
        return now_s - owned.snapshot_written > self._options.snapshot_age_s

    def write(self, due: Iterable[Owned]) -> None:
        """Write snapshots, with the offsets of their partitions, in one transaction; nothing if none is due."""
        chosen = {owned.inference.partition: owned for owned in due}
        if not chosen:
            return
        self._transactions.begin()
        for owned in chosen.values():
            self._transactions.send_snapshot(self._outbox.snapshot(owned.inference.snapshot()))
        for partition, owned in chosen.items():
            owned.snapshot = self._transactions.snapshot_offset(partition)
            owned.batches, owned.snapshot_head = 0, owned.inference.standing.head
            owned.snapshot_written = time.time()
        self._add_offsets(chosen)
        self._transactions.commit()
