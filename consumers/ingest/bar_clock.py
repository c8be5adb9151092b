"""Event time of ``bars-in``: how far each partition has come, and what may be promised for all of them."""


class BarClock:
    """Tracks the newest close per partition of ``bars-in`` and derives the feed's watermark.

    The watermark is the minimum over the partitions that aren't idle of their newest close, minus ``lateness`` (ns),
    and below every bar that was taken and isn't published yet. A partition is idle when it brought no bar for
    ``idle_s`` seconds; it holds nothing back then. The watermark never goes back.
    """

    def __init__(self, lateness: int, idle_s: float) -> None:
        self._lateness = lateness
        self._idle = idle_s
        self._newest: dict[int, int] = {}
        self._seen: dict[int, float] = {}
        self._promised = 0

    def saw(self, partition: int, event_time: int, now: float) -> None:
        """Note a bar that was taken."""
        self._newest[partition] = max(event_time, self._newest.get(partition, 0))
        self._seen[partition] = now

    def newest(self, partition: int) -> int:
        """Return the newest close of a partition (0 before its first bar)."""
        return self._newest.get(partition, 0)

    def watermark(self, now: float, held: int | None) -> int | None:
        """Return the new watermark (ns UTC), or None if it has not moved; ``held``: oldest close not published yet."""
        active = [self._newest[p] for p, seen in self._seen.items() if now - seen < self._idle]
        if not active:
            return None
        promise = min(active) - self._lateness
        if held is not None:
            promise = min(promise, held - 1)
        if promise <= self._promised:
            return None
        self._promised = promise
        return promise

    def all_idle_for(self, seconds: float, now: float) -> bool:
        """True if every partition has been without a bar for ``seconds``."""
        return all(now - seen >= seconds for seen in self._seen.values())

    @property
    def newest_of_all(self) -> int:
        """The newest close over all partitions (0 before the first bar)."""
        return max(self._newest.values(), default=0)
