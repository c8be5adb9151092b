"""A feed on the log: announced on every partition before its first bar, and released on every one at its end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.broker.errors import BrokerError
from infra.broker.publisher import Publisher
from schemas.bars import BarBatch, Watermark
from schemas.codec import encode
from schemas.headers import event_headers
from schemas.ids import bar_batch_id, watermark_id


class FeedClosedError(BrokerError):
    """Bars were handed to a feed that is not open; open it first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedCounts:
    """What a feed has published so far."""

    bars: int
    batches: int
    watermarks: int


class BarFeed:
    """Publishes one feed's bars and watermarks, idempotently and in order.

    1. ``open`` writes ``Watermark(open)`` to every partition and waits for the broker's acknowledgement, so that no
       bar can come before it;
    2. ``publish`` and ``advance`` send bars and progress;
    3. ``close`` writes ``Watermark(final)`` to every partition and waits for everything.

    A process that dies between 1 and 3 leaves the feed open: the ingest releases it as ``timed_out``, or the same
    feed opens again.
    """

    def __init__(self, publisher: Publisher, topic: str, partitions: int, feed: str) -> None:
        self._publisher = publisher
        self._topic = topic
        self._partitions = partitions
        self._feed = feed
        self._is_open = False
        self._bars = self._batches = self._watermarks = 0

    @property
    def counts(self) -> FeedCounts:
        """Bars, batches and watermarks handed to the broker so far."""
        return FeedCounts(bars=self._bars, batches=self._batches, watermarks=self._watermarks)

    def open(self, event_time: int) -> None:
        """Announce the feed on every partition; later bars close after ``event_time`` (ns UTC)."""
        self._watermark(event_time, "open")
        self._publisher.flush_acknowledged(30.0)
        self._is_open = True

    def publish(self, batches: Iterable[tuple[int, BarBatch]]) -> None:
        """Send batches to their partitions. Raises ``FeedClosedError`` before ``open`` and after ``close``."""
        self._require_open()
        for partition, batch in batches:
            headers = event_headers(batch.TYPE, bar_batch_id(partition, batch), f"feed/{self._feed}", batch.event_time)
            self._publisher.send(self._topic, partition, encode(batch), headers=headers)
            self._bars += len(batch.symbols)
            self._batches += 1

    def advance(self, event_time: int) -> None:
        """Promise on every partition that no later bar closes at or before ``event_time`` (ns UTC)."""
        self._require_open()
        self._watermark(event_time, "advance")

    def flush(self) -> None:
        """Wait until the broker has acknowledged everything sent. Raises ``PublishError`` otherwise."""
        self._publisher.flush_acknowledged(60.0)

    def close(self, event_time: int) -> None:
        """Release the feed on every partition and wait for the acknowledgements."""
        self._require_open()
        self._watermark(event_time, "final")
        self._is_open = False
        self.flush()

    def time_out(self, marks: Mapping[int, int]) -> None:
        """Release the feed, which another process left open, on partitions with their last watermarks (ns UTC).

        Raises ``FeedClosedError`` if it is open here: then its owner is alive.
        """
        if self._is_open:
            raise FeedClosedError(f"feed {self._feed!r} is open here; close() it instead")
        for partition, event_time in marks.items():
            self._send_mark(partition, Watermark(feed=self._feed, event_time=event_time, state="timed_out"))
        self.flush()

    def _require_open(self) -> None:
        if not self._is_open:
            raise FeedClosedError(f"feed {self._feed!r} is not open; call open() before its first bar")

    def _watermark(self, event_time: int, state: str) -> None:
        mark = Watermark(feed=self._feed, event_time=event_time, state=state)
        for partition in range(self._partitions):
            self._send_mark(partition, mark)

    def _send_mark(self, partition: int, mark: Watermark) -> None:
        headers = event_headers(mark.TYPE, watermark_id(partition, mark), f"feed/{mark.feed}", mark.event_time)
        self._publisher.send(self._topic, partition, encode(mark), headers=headers)
        self._watermarks += 1
