"""Merging the partitions of ``bars-in`` by event time, so that the log doesn't depend on which one was read first."""

from collections import deque

from consumers.ingest.bar_groups import BarGroup


class PartitionMerge:
    """Holds groups per partition and releases them oldest close first.

    A group is released when no partition can still bring an older one: each other partition either holds a group, or
    is read to its end, or has kept the oldest group waiting for ``patience_s`` seconds. Order within a partition is
    kept whatever the closes, because order is promised per key.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience = patience_s
        self._waiting: dict[int, deque[BarGroup]] = {}
        self._at_end: dict[int, bool] = {}

    def assign(self, partitions: list[int]) -> None:
        """Start afresh with these partitions, none of them read to its end."""
        self._waiting = {partition: deque() for partition in partitions}
        self._at_end = dict.fromkeys(partitions, False)

    def add(self, partition: int, group: BarGroup) -> None:
        """Queue a group; a partition that brings one isn't at its end."""
        self._waiting[partition].append(group)
        self._at_end[partition] = False

    def last(self, partition: int) -> BarGroup | None:
        """Return the newest group of a partition that is still held, so that bars can join it."""
        waiting = self._waiting[partition]
        return waiting[-1] if waiting else None

    def read_to_end(self, partition: int) -> None:
        """Note that the partition has nothing more at the moment."""
        self._at_end[partition] = True

    def release(self, now: float) -> list[BarGroup]:
        """Return the groups that are due at ``now`` (monotonic s), in the order in which they enter the log."""
        due: list[BarGroup] = []
        while True:
            heads = [(queue[0].key.event_time, p) for p, queue in self._waiting.items() if queue]
            if not heads:
                return due
            _, partition = min(heads)
            head = self._waiting[partition][0]
            missing = [p for p, queue in self._waiting.items() if not queue and not self._at_end[p]]
            if missing and now - head.since < self._patience:
                return due
            due.append(self._waiting[partition].popleft())

    def oldest_held(self) -> int | None:
        """Return the oldest close (ns UTC) of all held groups, None if there are none."""
        return min((group.key.event_time for queue in self._waiting.values() for group in queue), default=None)

    def first_held(self) -> dict[int, BarGroup]:
        """Return the first group that is held, per partition with held groups."""
        return {p: queue[0] for p, queue in self._waiting.items() if queue}
