"""Feeds of ``bars`` that have gone silent: who is open, and who must be released."""

from schemas.bars import Watermark


class SilenceWatch:
    """Knows, from the log alone, which feeds are open on which partitions and when each was last heard of.

    Times are wall-clock seconds of the messages (the broker's), so that a restart sees the same silence.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout = timeout_s
        self._open: dict[str, dict[int, int]] = {}
        self._heard: dict[str, float] = {}
        self._deaf = 0.0

    def deaf(self, at: float) -> None:
        """Note that the log could not be reached at ``at``: no feed could be heard, so silence counts from then."""
        self._deaf = max(self._deaf, at)

    def heard(self, feed: str, at: float) -> None:
        """Note a message of a feed."""
        self._heard[feed] = max(at, self._heard.get(feed, at))

    def watermark(self, partition: int, mark: Watermark, at: float) -> None:
        """Follow a feed's state on a partition. One seen to advance was open before the look-back began."""
        self.heard(mark.feed, at)
        if mark.state in ("open", "advance"):
            self._open.setdefault(mark.feed, {})[partition] = mark.event_time
        else:
            self._open.get(mark.feed, {}).pop(partition, None)

    def silent(self, now: float) -> list[tuple[str, dict[int, int]]]:
        """Return (feed, partition → its last watermark) for each open feed that is silent for too long."""
        return [
            (feed, dict(partitions))
            for feed, partitions in sorted(self._open.items())
            if partitions and now - max(self._heard.get(feed, now), self._deaf) > self._timeout
        ]
