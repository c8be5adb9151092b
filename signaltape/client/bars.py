"""Publishing bars from another program."""

import threading
import time
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from infra.broker.bar_feed import BarFeed, FeedCounts
from infra.broker.publisher import Publisher
from infra.settings import Settings, load_settings
from producers.bar_table import BarTable
from producers.cross_sections import cross_sections
from schemas.intervals import INTERVALS, on_grid
from schemas.topics import TopicNames
from signaltape.client.errors import BarRejectedError

_SECOND = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PublisherOptions:
    """How a ``BarPublisher`` gathers and checks.

    ``gather_s``: how long a bar waits for others of the same close. ``future_tolerance_s``: how far a close may lie
    ahead of this machine's clock. ``lag_ns``: publication lag, added to the close to give ``available_time``.
    """

    gather_s: float = 0.005
    watermark_every_s: float = 1.0
    future_tolerance_s: float = 5.0
    lag_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    symbol: str
    prices: tuple[float, float, float, float]
    volume: float | None


class BarPublisher:
    """Publishes bars one by one or as a cross-section, straight into the log. Safe to use from several threads.

    Bars of one interval and close that arrive within a few milliseconds travel as one batch. The feed is announced
    before the first bar; a watermark follows each second, just below the newest close, so that bars of that close may
    still come. ``close()`` releases the feed. Bars of one symbol must be published in time order; an older one
    counts as late.

        with BarPublisher(feed="my-feed") as bars:
            bars.publish("ACME", "1m", close_time_ns, 10.0, 10.2, 9.9, 10.1, volume=1200)
    """

    def __init__(
        self,
        *,
        feed: str,
        source: str = "",
        settings: Settings | None = None,
        options: PublisherOptions | None = None,
    ) -> None:
        self._settings = settings or load_settings()
        self._options = options or PublisherOptions()
        self._name, self._source = feed, source or feed
        self._publisher = Publisher(self._settings, f"feed-{feed}")
        names = TopicNames(self._settings.topics.prefix)
        self._feed = BarFeed(self._publisher, names.bars, self._settings.topics.partitions, feed)
        self._lock = threading.Lock()
        self._pending: dict[tuple[int, str, int], list[_Row]] = {}
        self._newest = 0
        self._opened = False
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
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
        self._check(symbol, interval, event_time, (open, high, low, close), volume)
        with self._lock:
            self._raise_failure()
            rows = self._pending.setdefault((event_time, interval, revision), [])
            rows.append(_Row(symbol, (open, high, low, close), volume))
        self._wake.set()

    def advance(self, event_time: int) -> None:
        """Promise that no later bar closes at or before ``event_time`` (ns UTC): windows up to it may close."""
        self.flush()
        with self._lock:
            self._feed.advance(event_time)

    def flush(self) -> FeedCounts:
        """Send what is gathered, wait for the broker's acknowledgements and return what was published so far."""
        with self._lock:
            self._raise_failure()
            self._send()
            self._feed.flush()
            return self._feed.counts

    def close(self) -> FeedCounts:
        """Flush, release the feed on every partition and stop. Returns what was published."""
        counts = self.flush()
        self._stop.set()
        self._wake.set()
        self._thread.join()
        with self._lock:
            if self._opened:
                self._feed.close(self._newest)
                self._opened = False
            return self._feed.counts if self._newest else counts

    def __enter__(self) -> "BarPublisher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        """Send gathered bars ``gather_s`` after the first of them; a watermark each second."""
        marked = time.monotonic()
        while not self._stop.is_set():
            if self._wake.wait(self._options.watermark_every_s):
                self._stop.wait(self._options.gather_s)
                self._wake.clear()
            with self._lock:
                try:
                    self._send()
                    if self._opened and time.monotonic() - marked >= self._options.watermark_every_s:
                        self._feed.advance(self._newest - 1)
                        marked = time.monotonic()
                except BaseException as error:  # handed to the caller's next call
                    self._error = error
                    return

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error

    def _send(self) -> None:
        for event_time, interval, revision in sorted(self._pending):
            rows = self._pending.pop((event_time, interval, revision))
            if not self._opened:
                self._feed.open(event_time - 1)
                self._opened = True
            self._newest = max(self._newest, event_time)
            available = time.time_ns() // 1_000 * 1_000 if revision else event_time + self._options.lag_ns
            sections = cross_sections(
                _table(interval, event_time, rows),
                partitions=self._settings.topics.partitions,
                feed=self._name,
                source=self._source,
                lag=max(available - event_time, 0),
                revision=revision,
            )
            for _, batches in sections:
                self._feed.publish(batches)

    def _check(
        self, symbol: str, interval: str, event_time: int, prices: tuple[float, ...], volume: float | None
    ) -> None:
        opening, high, low, close = prices
        tolerance = int(self._options.future_tolerance_s * _SECOND)
        checks = (
            (bool(symbol), "empty_symbol", "the symbol is empty"),
            (interval in INTERVALS, "unknown_interval", f"{interval!r}; use one of {', '.join(INTERVALS)}"),
            (
                interval in INTERVALS and on_grid(interval, event_time),
                "off_grid",
                f"no {interval} bar closes at {event_time}",
            ),
            (
                event_time <= time.time_ns() + tolerance,
                "future_time",
                f"{event_time} lies ahead of this machine's clock",
            ),
            (all(np.isfinite(prices)), "not_finite", f"prices {prices}"),
            (all(price > 0.0 for price in prices), "non_positive_price", f"prices {prices}"),
            (low <= high, "high_below_low", f"high {high}, low {low}"),
            (low <= opening <= high, "open_outside_range", f"open {opening} outside [{low}, {high}]"),
            (low <= close <= high, "close_outside_range", f"close {close} outside [{low}, {high}]"),
            (volume is None or 0.0 <= volume < float("inf"), "negative_volume", f"volume {volume}"),
        )
        for fine, code, detail in checks:
            if not fine:
                raise BarRejectedError(code, f"{symbol or '(no symbol)'}: {detail}")


def _table(interval: str, event_time: int, rows: list[_Row]) -> BarTable:
    prices = np.array([row.prices for row in rows], dtype=np.float64)
    return BarTable(
        interval=interval,
        symbol=np.array([row.symbol for row in rows], dtype=np.str_),
        event_time=np.full(len(rows), event_time, dtype=np.int64),
        open=prices[:, 0].copy(),
        high=prices[:, 1].copy(),
        low=prices[:, 2].copy(),
        close=prices[:, 3].copy(),
        volume=np.array([row.volume or 0.0 for row in rows], dtype=np.float64),
        volume_valid=np.array([row.volume is not None for row in rows], dtype=np.bool_),
        line=np.arange(len(rows), dtype=np.int64),
    )
