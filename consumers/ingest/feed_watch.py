"""A thread that watches ``bars`` without a group and releases feeds that have gone silent."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.ingest.silence import SilenceWatch
from infra.broker.config import consumer_config
from infra.broker.errors import BrokerError
from infra.broker.publisher import Publisher
from infra.broker.settling import until_answered
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
#: What was to be read next is gone.
_LOST = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError.UNKNOWN_TOPIC_OR_PART)


class FeedWatch:
    """Reads feeds and watermarks from the headers of ``bars``; only watermarks are decoded.

    The ingest's own feed is not released here but handed to ``release_own`` (partition → last watermark), because the
    loop may open it at this very moment. ``still_active`` raises if another ingest may be active: a process that was
    frozen judges from what it saw before. ``failure`` holds what ended the thread, if anything did: the service ends
    with it.

    About once a second: ask where the log ends, read up to there, and only then judge who was silent at that moment.
    So a watch that is behind, or a log that never rests, changes nothing; and while Kafka is away nobody is silent.
    """

    def __init__(
        self, settings: Settings, release_own: Callable[[Mapping[int, int]], None], still_active: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._topic = TopicNames(settings.topics.prefix).bars
        self._own_feed = settings.ingest.feed
        self._release_own, self._still_active = release_own, still_active
        self._silence = SilenceWatch(settings.ingest.feed_timeout_s)
        self._stop = threading.Event()
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] | None = None
        self._asked = self._asked_at = 0.0
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
        config = consumer_config(self._settings, f"watch-{self._topic}", **{"enable.partition.eof": True})
        consumer = Consumer(config)
        publisher = Publisher(self._settings, "feed-watch")
        try:
            consumer.assign(self._starts(consumer))
            while not self._stop.is_set():
                first = consumer.poll(0.2)
                for message in [first, *consumer.consume(2_000, 0.0)] if first is not None else []:
                    self._follow(message)
                if self._ends is None and time.monotonic() - self._asked >= _CHECK_EVERY_S:
                    self._ask(consumer)
                if self._ends is not None and all(self._next[p] >= end for p, end in self._ends.items()):
                    self._ends = None
                    self._release(publisher)
        finally:
            consumer.close()

    def _starts(self, consumer: Consumer) -> list[TopicPartition]:
        since = int((time.time() - self._settings.ingest.feed_lookback_s) * 1000)
        asked = [TopicPartition(self._topic, p, since) for p in range(self._settings.topics.partitions)]
        # A topic that was just made has no leader for a moment.
        for place in until_answered(lambda: consumer.offsets_for_times(asked, 30.0)):
            end = consumer.get_watermark_offsets(place, 30.0)[1]
            self._next[place.partition] = place.offset if place.offset >= 0 else end
        return [TopicPartition(self._topic, p, offset) for p, offset in self._next.items()]

    def _ask(self, consumer: Consumer) -> None:
        """Note where every partition ends at this moment."""
        now = time.time()
        try:
            places = [TopicPartition(self._topic, p) for p in self._next]
            self._ends = {place.partition: consumer.get_watermark_offsets(place, 5.0)[1] for place in places}
        except KafkaException as error:
            get_logger().warning("kafka_error", reason=error.args[0].str())
            self._silence.deaf(time.time())
        self._asked, self._asked_at = time.monotonic(), now

    def _judge(self, error: KafkaError) -> None:
        """Raise what an error event of the consumer means; return if it passes by itself."""
        if error.fatal() or error.code() in _LOST:
            raise BrokerError(f"{self._topic}: feeds can't be watched: {error.str()}; a restart looks for them anew")
        get_logger().warning("kafka_error", reason=error.str())

    def _follow(self, message: Any) -> None:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            self._judge(error)
            return
        # The end of a partition may lie behind markers of transactions, which are no messages.
        self._next[message.partition()] = message.offset() + (error is None)
        if error is not None:
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
        for feed, partitions in self._silence.silent(self._asked_at):
            self._still_active()
            if feed == self._own_feed:
                self._release_own(partitions)
                continue
            get_logger().warning("feed timed out", feed=feed, partitions=sorted(partitions))
            for partition, event_time in partitions.items():
                mark = Watermark(feed=feed, event_time=event_time, state="timed_out")
                headers = event_headers(mark.TYPE, watermark_id(partition, mark), "ingest", event_time)
                publisher.send(self._topic, partition, encode(mark), headers=headers)
            publisher.flush_acknowledged()
