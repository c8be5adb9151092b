"""Event time of ``bars-in``: how far each partition has come, and what may be promised for all of them."""

import math
from collections.abc import Mapping


class BarClock:
    """Tracks the newest close per partition of ``bars-in`` and derives the feed's watermark.

    The watermark is the minimum over the partitions that aren't idle of their newest close, minus ``lateness`` (ns),
    and below every bar that was taken and isn't published yet. A partition is idle when it is read to its end and
    brought no bar for ``idle_s`` seconds; it holds nothing back then. One that is not read to its end may still bring
    what is older than all others: until it has brought a bar, in this process or before, nothing is promised at all.
    Where all were idle, the first bar speaks for its own partition only: for ``patience_s`` seconds nothing is
    promised, so that what a client sent to the others at the same moment can arrive. The watermark never goes back.
    """

    def __init__(self, lateness: int, idle_s: float, patience_s: float = 0.0) -> None:
        self._lateness = lateness
        self._idle = idle_s
        self._patience = patience_s
        self._woken = -math.inf
        self._newest: dict[int, int] = {}
        self._seen: dict[int, float] = {}
        self._unread: set[int] = set()
        self._promised = 0

    def assign(self, newest: Mapping[int, int], now: float) -> None:
        """Start with these partitions, none read to its end; ``newest``: closes known from before, 0 for none."""
        self._newest = {partition: known for partition, known in newest.items() if known}
        self._seen = dict.fromkeys(self._newest, now)
        self._unread = set(newest)

    def saw(self, partition: int, event_time: int, now: float) -> None:
        """Note the newest of the bars that were taken from a partition, which is not at its end now."""
        if not self._active(now):
            self._woken = now
        self._newest[partition] = max(event_time, self._newest.get(partition, 0))
        self._seen[partition] = now
        self._unread.add(partition)

    def read_to_end(self, partition: int) -> None:
        """Note that the partition has nothing more at the moment."""
        self._unread.discard(partition)

    def newest(self, partition: int) -> int:
        """Return the newest close of a partition (0 before its first bar)."""
        return self._newest.get(partition, 0)

    @property
    def knows_all(self) -> bool:
        """True if each partition has brought a bar or was read to its end."""
        return self._unread <= self._newest.keys()

    def watermark(self, now: float, held: int | None) -> int | None:
        """Return the new watermark (ns UTC), or None if it has not moved; ``held``: oldest close not published yet."""
        active = self._active(now)
        if not active or not self.knows_all or now - self._woken < self._patience:
            return None
        promise = min(active) - self._lateness
        if held is not None:
            promise = min(promise, held - 1)
        if promise <= self._promised:
            return None
        self._promised = promise
        return promise

    def _active(self, now: float) -> list[int]:
        """Newest closes of the partitions that aren't idle."""
        return [self._newest[p] for p, seen in self._seen.items() if p in self._unread or now - seen < self._idle]

    def all_idle_for(self, seconds: float, now: float) -> bool:
        """True if every partition is read to its end and has been without a bar for ``seconds``."""
        return not self._unread and all(now - seen >= seconds for seen in self._seen.values())

    @property
    def newest_of_all(self) -> int:
        """The newest close over all partitions (0 before the first bar)."""
        return max(self._newest.values(), default=0)
