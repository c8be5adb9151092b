"""The ingest's loop over ``bars-in`` and ``control``."""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from consumers.ingest.bar_clock import BarClock
from consumers.ingest.bar_groups import batches_of
from consumers.ingest.intake import Intake, Rejection
from consumers.ingest.merge import PartitionMerge
from infra.broker.bar_feed import BarFeed
from infra.broker.config import consumer_config
from infra.broker.dead_letters import DeadLetters
from infra.broker.errors import BrokerError
from infra.broker.publisher import Publisher
from infra.broker.reading import record_of
from infra.broker.settling import passes
from infra.crash_points import reach
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import BARS
from schemas.codec import decode, encode
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.headers import event_headers
from schemas.topics import TopicNames

_SECOND = 1_000_000_000
_IDLE_POLL_S = 0.05
_WATERMARK_EVERY_S = 1.0


class IngestLoop:
    """Single bars and control events into the log, at least once, in this order:

    1. take what has come, gathered for a few milliseconds;
    2. decode and check; what can't be a bar goes to the dead letters;
    3. publish what the merge releases, as batches on their partitions; the feed is announced before its first bar;
    4. relay control events into every partition of the log, with their offset in ``control``;
    5. wait until the broker has acknowledged all of 2–4 (a failed send ends the process);
    6. commit the offsets of what is out, never of what the merge still holds.

    A death before 6 repeats 2–5 for what was not committed: the feature agent drops a bar that it has seen, and a
    control event acts once by its offset.
    """

    def __init__(self, settings: Settings, health: Health, still_active: Callable[[], None] = lambda: None) -> None:
        self._ingest = settings.ingest
        self._partitions = settings.topics.partitions
        self._names = TopicNames(settings.topics.prefix)
        self._health = health
        self._still_active = still_active
        self._publisher = Publisher(settings, "ingest")
        self._dead = DeadLetters(self._publisher, self._names, "ingest")
        self._feed = BarFeed(self._publisher, self._names.bars, self._partitions, self._ingest.feed)
        self._clock = BarClock(int(self._ingest.lateness_s * _SECOND), self._ingest.idle_s)
        self._merge = PartitionMerge(self._ingest.patience_s)
        self._intake = Intake(self._merge, self._clock, self._ingest)
        self._feed_open = False
        self._marked = self._committed_at = 0.0
        self._next: dict[tuple[str, int], int] = {}
        self._committed: dict[tuple[str, int], int] = {}
        group = f"{settings.topics.prefix}signaltape-ingest"
        self._consumer = Consumer(consumer_config(settings, group, **{"enable.partition.eof": True}))
        self._assign()

    @property
    def open_feed(self) -> str | None:
        """Name of the feed that this loop holds open, None while it is released."""
        return self._ingest.feed if self._feed_open else None

    def round(self) -> None:
        """Do steps 1–6 once. Returns after a short wait if nothing comes."""
        records = self._take()
        reach("ingest.1_taken")
        bars = [record for record in records if record.topic() == self._names.bars_in]
        rejected = self._intake.take(bars, time.time_ns(), time.monotonic())
        for rejection in rejected:
            self._reject(rejection)
        published = self._publish()
        reach("ingest.3_published")
        relayed = self._relay([record for record in records if record.topic() == self._names.control])
        self._advance()
        if rejected or published or relayed:
            self._publisher.flush_acknowledged()
        reach("ingest.5_acknowledged")
        self._commit()
        reach("ingest.6_committed")

    def close(self) -> None:
        """Publish what is held, release the feed and commit."""
        for partition in range(self._partitions):
            self._merge.read_to_end(partition)
        self._publish()
        if self._feed_open:
            self._feed.close(self._clock.newest_of_all)
        self._publisher.flush_acknowledged()
        self._commit(force=True)
        self._consumer.close()

    def _assign(self) -> None:
        wanted = [TopicPartition(self._names.bars_in, p) for p in range(self._partitions)]
        wanted.append(TopicPartition(self._names.control, 0))
        places = self._consumer.committed(wanted, 30.0)
        for place in places:
            place.offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
        self._consumer.assign(places)
        self._merge.assign(list(range(self._partitions)))

    def _take(self) -> list[Any]:
        first = self._consumer.poll(_IDLE_POLL_S)
        if first is None:
            return []
        found: list[Any] = [first, *self._consumer.consume(self._ingest.batch, self._ingest.gather_s)]
        records = []
        for message in found:
            error = message.error()
            if error is None:
                records.append(message)
                self._next[message.topic(), message.partition()] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                if message.topic() == self._names.bars_in:
                    self._merge.read_to_end(message.partition())
            elif error.fatal() or error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                raise BrokerError(
                    f"{message.topic()}[{message.partition()}]: {error.str()}; messages have expired unread."
                    " `signaltape repair --service ingest` accepts the loss and goes on from what is there"
                )
        return records

    def _reject(self, rejection: Rejection) -> None:
        self._dead.put(record_of(rejection.record), rejection.code, rejection.detail)
        BARS.labels(outcome="rejected").inc()

    def _publish(self) -> int:
        count = 0
        for key, group in groupby(self._merge.release(time.monotonic()), key=lambda held: held.key):
            if not self._feed_open:
                self._feed.open(key.event_time - 1)
                self._feed_open = True
            batches = [(p, batch) for p, batch, _ in batches_of(list(group), self._ingest.feed, self._partitions)]
            self._feed.publish(batches)
            count += sum(len(batch.symbols) for _, batch in batches)
        if count:
            BARS.labels(outcome="ingested").inc(count)
        return count

    def _relay(self, records: list[Any]) -> int:
        for record in records:
            try:
                event = decode(record.value() or b"")
            except DecodeError as error:
                self._dead.put(record_of(record), error.code, error.detail)
                continue
            if not isinstance(event, ControlEvent):
                self._dead.put(record_of(record), "unknown_type", f"{event.TYPE} in {record.topic()}")
                continue
            relayed = replace(event, control_offset=record.offset())
            headers = event_headers(event.TYPE, event.event_id, "control", event.issued_at)
            for partition in range(self._partitions):
                self._publisher.send(self._names.bars, partition, encode(relayed), headers=headers)
        return len(records)

    def _advance(self) -> None:
        """Move the watermark once a second, and release the feed when its clients have gone silent."""
        now = time.monotonic()
        if not self._feed_open or now - self._marked < _WATERMARK_EVERY_S:
            return
        self._marked = now
        if self._clock.all_idle_for(self._ingest.release_after_s, now):
            # A process that was frozen for so long may have a successor, whose feed this must not close.
            self._still_active()
            self._feed.close(self._clock.newest_of_all)
            self._feed_open = False
        elif (promise := self._clock.watermark(now, self._merge.oldest_held())) is not None:
            self._feed.advance(promise)

    def _commit(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._committed_at < self._ingest.commit_every_s:
            return
        self._committed_at = now
        held = {(self._names.bars_in, p): offset for p, offset in self._merge.first_held().items()}
        done = {place: min(offset, held.get(place, offset)) for place, offset in self._next.items()}
        news = {place: offset for place, offset in done.items() if self._committed.get(place) != offset}
        if not news:
            return
        try:
            offsets = [TopicPartition(topic, p, offset) for (topic, p), offset in news.items()]
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if not passes(error.args[0]):
                raise BrokerError(f"offsets of the ingest can't be committed: {error.args[0].str()}") from error
            get_logger().warning("kafka_retry", reason=error.args[0].str())
            return  # tried again in a later round; until then a restart repeats more
        self._committed.update(news)
        for (topic, partition), offset in news.items():
            self._health.progress(topic, partition, offset, 0)
