"""Publishing bars from another program."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from infra.broker.admin import check_partitions
from infra.broker.bar_feed import BarFeed, FeedCounts
from infra.broker.publisher import Publisher
from infra.settings import Settings, load_settings
from producers.cross_sections import cross_sections
from schemas.names import MAX_NAME, is_name
from schemas.topics import TopicNames
from signaltape.client.bar_checks import Row, checked_row
from signaltape.client.bar_groups import BarGroup, bar_table
from signaltape.client.errors import BarRejectedError, ClientError, ClientUsageError

_SECOND = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PublisherOptions:
    """How a ``BarPublisher`` gathers and checks.

    ``gather_s``: how long a bar waits for others of the same close. ``watermark_every_s``: how often the feed shows
    that it is alive and how far it is. ``reopen_after_s``: a feed that could send nothing for so long (a suspended
    machine) announces itself again, because the ingest may have released it. ``future_tolerance_s``: how far a close
    may lie ahead of this machine's clock. ``lateness_s``: how far the watermark stays behind the newest close, for
    feeds whose symbols don't come side by side. ``lag_ns``: publication lag, added to the close to give
    ``available_time``.
    """

    gather_s: float = 0.005
    watermark_every_s: float = 1.0
    reopen_after_s: float = 20.0
    future_tolerance_s: float = 5.0
    lateness_s: float = 0.0
    lag_ns: int = 0


class BarPublisher:
    """Publishes bars one by one or as a cross-section, straight into the log. Safe to use from several threads.

    Bars of one interval and close that arrive within a few milliseconds travel as one batch. The feed is announced
    before the first bar; a watermark follows each second, just below the newest close, so that bars of that close may
    still come. ``close()`` sends what is gathered and releases the feed. A bar counts as late if it is older than its
    symbol's last one, or at or before the watermark.

    After a failed delivery every call raises its error: nothing is sent behind a hole. Start again with the bars since
    the last ``flush()`` that returned; those that did arrive are dropped as duplicates.

        with BarPublisher(feed="my-feed") as bars:
            bars.publish("ACME", "1m", close_time_ns, 10.0, 10.2, 9.9, 10.1, volume=1200)

    Raises ``TopicError`` where the topics are missing or have another number of partitions than the settings say.
    """

    def __init__(
        self,
        *,
        feed: str,
        source: str = "",
        settings: Settings | None = None,
        options: PublisherOptions | None = None,
    ) -> None:
        for name in (feed, source or feed):
            if not is_name(name):
                raise ClientUsageError(f"a feed or source has a name of 1 to {MAX_NAME} characters, not {name!r:.140}")
        self._settings = settings or load_settings()
        self._options = options or PublisherOptions()
        self._name, self._source = feed, source or feed
        check_partitions(self._settings)
        self._publisher = Publisher(self._settings, f"feed-{feed}")
        bars = TopicNames(self._settings.topics.prefix).bars
        self._feed = BarFeed(self._publisher, bars, self._settings.topics.partitions, feed)
        self._lock = threading.Lock()
        self._pending: dict[BarGroup, list[Row]] = {}
        self._newest_of: dict[tuple[str, str], int] = {}
        self._newest = self._promised = 0
        self._opened = self._closed = False
        self._sent_at = 0.0
        self._failure: BaseException | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed-{feed}", daemon=True)
        self._thread.start()

    def publish(  # noqa: PLR0917 (a bar is symbol, interval, time and four prices, in the order everybody knows)
        self,
        symbol: str,
        interval: str,
        event_time: int,
        open: float,
        high: float,
        low: float,
        close: float,
        *,
        volume: float | None = None,
        revision: int = 0,
    ) -> None:
        """Hand over one bar that closed at ``event_time`` (ns UTC). Returns at once.

        Raises ``BarRejectedError`` for a bar that can't be one, and the error of an earlier failed delivery.
        """
        row = checked_row(symbol, interval, event_time, (open, high, low, close), volume)
        self._refuse_future(event_time, symbol)
        if revision < 0:
            raise BarRejectedError("wrong_type", f"{symbol}: revision {revision}, expected 0 or more")
        with self._lock:
            self._raise_failure()
            newest = self._newest_of.get((row.symbol, interval), 0)
            self._newest_of[row.symbol, interval] = max(newest, event_time)
            is_late = event_time < newest or event_time <= self._promised
            group = BarGroup(int(event_time), interval, int(revision), is_late)
            self._pending.setdefault(group, []).append(row)
        self._wake.set()

    def advance(self, event_time: int) -> None:
        """Promise that no later bar closes at or before ``event_time`` (ns UTC): windows up to it may close."""
        self._refuse_future(event_time, "advance")
        with self._lock:
            self._promised = max(self._promised, event_time)
            self._attempt(self._send)
            self._attempt(self._show_progress)

    def flush(self) -> FeedCounts:
        """Send what is gathered, wait for the broker's acknowledgements and return what was published so far."""
        with self._lock:
            self._attempt(self._send)
        self._attempt(self._feed.flush)  # without the lock: other threads go on publishing meanwhile
        return self._feed.counts

    def close(self) -> FeedCounts:
        """Flush, release the feed on every partition and stop. Returns what was published."""
        with self._lock:
            if self._closed:
                return self._feed.counts
            self._closed = True
        self._stop.set()
        self._wake.set()
        self._thread.join()
        with self._lock:
            self._attempt(self._send)
            if self._opened:
                self._attempt(lambda: self._feed.close(max(self._newest, self._promised)))
            return self._feed.counts

    def __enter__(self) -> "BarPublisher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        """Send gathered bars ``gather_s`` after the first of them; show progress each second."""
        shown = time.monotonic()
        while not self._stop.is_set():
            if self._wake.wait(self._options.watermark_every_s):
                self._stop.wait(self._options.gather_s)
                self._wake.clear()
            with self._lock:
                try:
                    self._attempt(self._send)
                    if self._opened and time.monotonic() - shown >= self._options.watermark_every_s:
                        self._attempt(self._show_progress)
                        shown = time.monotonic()
                    self._attempt(self._publisher.hear)
                except BaseException:  # kept: the caller's next call raises it
                    return

    def _attempt(self, act: Callable[[], None]) -> None:
        """Do what sends or waits; keep its failure for every later call."""
        if self._failure is not None:
            raise self._failure
        try:
            act()
        except BaseException as error:
            self._failure = error
            raise

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise ClientError(f"feed {self._name!r} is closed; make another BarPublisher")

    def _refuse_future(self, event_time: int, what: str) -> None:
        if event_time > time.time_ns() + self._options.future_tolerance_s * _SECOND:
            raise BarRejectedError("future_time", f"{what}: {event_time} lies ahead of this machine's clock")

    def _keep_open(self, event_time: int) -> None:
        """Announce the feed where it isn't open, or may have been released because nothing came from it."""
        now = time.time()  # the wall clock: the monotonic one stands still while a machine is suspended
        if not self._opened or abs(now - self._sent_at) >= self._options.reopen_after_s:
            self._feed.open(event_time)
            self._opened = True
        self._sent_at = now

    def _show_progress(self) -> None:
        behind = round(self._options.lateness_s * _SECOND) + 1
        self._promised = max(self._promised, self._newest - behind)
        self._keep_open(self._promised)
        self._feed.advance(self._promised)

    def _send(self) -> None:
        for group in sorted(self._pending):
            self._keep_open(self._promised or group.event_time - 1)
            rows = self._pending.pop(group)
            self._newest = max(self._newest, group.event_time)
            lag = self._options.lag_ns
            if group.revision or group.is_late:
                lag = max(time.time_ns() // 1_000 * 1_000 - group.event_time, lag)
            sections = cross_sections(
                bar_table(group, rows),
                partitions=self._settings.topics.partitions,
                feed=self._name,
                source=self._source,
                lag=lag,
                revision=group.revision,
            )
            for _, batches in sections:
                self._feed.publish(batches)
