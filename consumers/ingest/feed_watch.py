"""A thread that watches ``bars`` without a group and releases feeds that have gone silent."""

import threading
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from consumers.ingest.silence import SilenceWatch
from infra.broker.config import consumer_config
from infra.broker.publisher import Publisher
from infra.settings import Settings
from infra.telemetry.logs import get_logger
from schemas.bars import Watermark
from schemas.codec import decode, encode
from schemas.errors import DecodeError
from schemas.headers import event_headers
from schemas.ids import watermark_id
from schemas.topics import TopicNames

_FEED_SOURCE = "feed/"
_CHECK_EVERY_S = 1.0


class FeedWatch:
    """Reads feeds and watermarks from the headers of ``bars``; only watermarks are decoded.

    ``own_feed`` names the feed that this process itself holds open (it is never released here). ``failure`` holds what
    ended the thread, if anything did: the service ends with it.
    """

    def __init__(self, settings: Settings, own_feed: Callable[[], str | None]) -> None:
        self._settings = settings
        self._topic = TopicNames(settings.topics.prefix).bars
        self._own_feed = own_feed
        self._silence = SilenceWatch(settings.ingest.feed_timeout_s)
        self._stop = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feed-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._watch()
        except BaseException as error:  # shown by the service, which ends with it
            self.failure = error

    def _watch(self) -> None:
        consumer = Consumer(consumer_config(self._settings, f"watch-{self._topic}"))
        publisher = Publisher(self._settings, "feed-watch")
        try:
            consumer.assign(self._starts(consumer))
            checked = time.monotonic()
            while not self._stop.is_set():
                first = consumer.poll(0.2)
                for message in [first, *consumer.consume(2_000, 0.0)] if first is not None else []:
                    self._follow(message)
                if first is None and time.monotonic() - checked >= _CHECK_EVERY_S:
                    checked = time.monotonic()
                    self._release(publisher)
        finally:
            consumer.close()

    def _starts(self, consumer: Consumer) -> list[TopicPartition]:
        since = int((time.time() - self._settings.ingest.feed_lookback_s) * 1000)
        asked = [TopicPartition(self._topic, p, since) for p in range(self._settings.topics.partitions)]
        found = consumer.offsets_for_times(asked, 30.0)
        return [TopicPartition(self._topic, p.partition, p.offset if p.offset >= 0 else OFFSET_END) for p in found]

    def _follow(self, message: Any) -> None:
        if message.error() is not None:
            return
        headers = dict(message.headers() or [])
        at = message.timestamp()[1] / 1000.0
        source = (headers.get("ce_source") or b"").decode(errors="replace")
        if headers.get("ce_type") == b"signaltape.Watermark":
            try:
                mark = decode(message.value() or b"")
            except DecodeError:
                return  # the feature agent dead-letters it
            if isinstance(mark, Watermark):
                self._silence.watermark(message.partition(), mark, at)
        elif source.startswith(_FEED_SOURCE):
            self._silence.heard(source.removeprefix(_FEED_SOURCE), at)

    def _release(self, publisher: Publisher) -> None:
        for feed, partitions in self._silence.silent(time.time()):
            if feed == self._own_feed():
                continue
            get_logger().warning("feed timed out", feed=feed, partitions=sorted(partitions))
            for partition, event_time in partitions.items():
                mark = Watermark(feed=feed, event_time=event_time, state="timed_out")
                headers = event_headers(mark.TYPE, watermark_id(partition, mark), "ingest", event_time)
                publisher.send(self._topic, partition, encode(mark), headers=headers)
            publisher.flush_acknowledged()
