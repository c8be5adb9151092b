"""Feeds on one partition: which are open, what each has promised, and the minimum over them."""

from typing import Any

from schemas.bars import Watermark


class FeedTable:
    """State of every feed that announced itself on the partition.

    A feed is held by its promise from ``open`` until ``final`` or ``timed_out`` releases it. A feed that was timed
    out and opens again owes the bars that others have passed meanwhile: they are late (``floor``).
    """

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._floors: dict[str, int] = {}
        self._timed_out: set[str] = set()

    def is_open(self, feed: str) -> bool:
        """True if bars of ``feed`` are accepted."""
        return feed in self._open

    def floor(self, feed: str) -> int:
        """Return the event time (ns UTC) at or below which a bar of ``feed`` is late; 0 if it promised nothing."""
        return self._floors.get(feed, 0)

    @property
    def partition_time(self) -> int | None:
        """Minimum of the open feeds' watermarks (ns UTC), None if no feed is open."""
        return min(self._open.values(), default=None)

    def receive(self, message: Watermark) -> int | None:
        """Take a watermark in log order and return the partition's time after it.

        A watermark never moves backwards; an ``advance`` of a feed that isn't open changes nothing.
        """
        feed, floor = message.feed, self.floor(message.feed)
        if message.state == "open":
            if feed in self._timed_out:
                floor = max(floor, self.partition_time or 0)
                self._floors[feed] = floor
                self._timed_out.discard(feed)
            self._open[feed] = max(message.event_time, floor, self._open.get(feed, 0))
        elif message.state == "final":
            self._open.pop(feed, None)
            self._floors.pop(feed, None)
            self._timed_out.discard(feed)
        elif feed in self._open:
            self._floors[feed] = max(message.event_time, floor)
            self._open[feed] = max(message.event_time, self._open[feed])
            if message.state == "timed_out":
                del self._open[feed]
                self._timed_out.add(feed)
        return self.partition_time

    def state(self) -> dict[str, Any]:
        """Return the table as plain values, for a snapshot."""
        return {"open": self._open, "floors": self._floors, "timed_out": sorted(self._timed_out)}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "FeedTable":
        """Rebuild a table from ``state()``."""
        table = cls()
        table._open = dict(state["open"])
        table._floors = dict(state["floors"])
        table._timed_out = set(state["timed_out"])
        return table
