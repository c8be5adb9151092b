"""The ingest's loop over ``bars-in`` and ``control``."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from consumers.ingest.bar_clock import BarClock
from consumers.ingest.bar_groups import batches_of
from consumers.ingest.commits import Commits
from consumers.ingest.intake import Intake, Rejection
from consumers.ingest.merge import PartitionMerge
from consumers.ingest.position import Place, Position, group_name, standings, verify
from infra.broker.bar_feed import BarFeed
from infra.broker.config import consumer_config
from infra.broker.dead_letters import DeadLetters
from infra.broker.errors import BrokerError
from infra.broker.permissions import is_final, refuse_unpermitted
from infra.broker.publisher import Publisher
from infra.broker.reading import record_of
from infra.crash_points import reach
from infra.settings import Settings
from infra.telemetry.health import Health
from infra.telemetry.metrics import BARS, ROUND_SECONDS, STAGE_LATENCY
from schemas.codec import decode, encode
from schemas.control import ControlEvent
from schemas.errors import DecodeError
from schemas.headers import event_headers
from schemas.topics import TopicNames

_SECOND = 1_000_000_000
_IDLE_POLL_S = 0.05
_WATERMARK_EVERY_S = 1.0
#: Bars decoded at once.
_LOT = 2_000
#: Small fetches: what waits in several partitions comes in turns, so that the merge sees all of them.
_READING = {"enable.partition.eof": True, "fetch.message.max.bytes": 262_144, "queued.min.messages": 10_000}


class IngestLoop:
    """Single bars and control events into the log, at least once, in this order:

    1. take what has come, gathered for a few milliseconds;
    2. decode and check;
    3. wait until the broker has acknowledged all that the rounds before sent (a failed send ends the process);
    4. commit the offsets of what is out, never of what the merge still holds;
    5. send: what can't be a bar to the dead letters, what the merge releases as batches on their partitions (the feed
       is announced before its first bar), control events into every partition with their offset in ``control``.

    Where a partition is seen to end beyond the last message (a client has written it in transactions), 4 follows it
    there: else the offset would expire with what is no message, and a start would have to take that for a loss.

    So the next lot is decoded while the last one is on its way, and a round in which nothing came waits for what is
    still out. A death at any place repeats what was sent and not committed: the feature agent drops a bar that it has
    seen, and a control event acts once by its offset. What becomes of a bar doesn't depend on where a process began:
    the newest close before an offset is committed with it.
    """

    def __init__(self, settings: Settings, health: Health, still_active: Callable[[], None] = lambda: None) -> None:
        self._ingest = settings.ingest
        self._partitions = settings.topics.partitions
        self._names = TopicNames(settings.topics.prefix)
        self._still_active = still_active
        self._publisher = Publisher(settings, "ingest")
        self._dead = DeadLetters(self._publisher, self._names, "ingest")
        self._feed = BarFeed(self._publisher, self._names.bars, self._partitions, self._ingest.feed)
        self._clock = BarClock(int(self._ingest.lateness_s * _SECOND), self._ingest.idle_s, self._ingest.patience_s)
        self._merge = PartitionMerge(self._ingest.patience_s)
        self._intake = Intake(self._merge, self._clock, self._ingest)
        self._feed_open = False
        self._orphaned: Mapping[int, int] | None = None
        self._marked = 0.0
        self._consumer = Consumer(consumer_config(settings, group_name(settings), **_READING))
        topic_ids, positions = self._assign(settings)
        self._commits = Commits(self._consumer, topic_ids, self._ingest.commit_every_s, health, positions)

    def release_orphan(self, marks: Mapping[int, int]) -> None:
        """Ask (from any thread) to release this loop's own feed where it doesn't hold it open: a predecessor left it.

        ``marks``: partition → its last watermark. Only the loop itself writes watermarks of its feed, so that none
        can come behind an ``open`` that it didn't see.
        """
        self._orphaned = marks

    def round(self) -> None:
        """Do steps 1-5 once. Returns after a short wait if nothing comes."""
        lots, ended = self._take()
        start = time.perf_counter()
        reach("ingest.1_taken")
        rejected, events = self._decode(lots)
        moved = self._reach(ended)
        self._settle()
        for rejection in rejected:
            self._reject(rejection)
        sent = len(rejected) + self._publish() + self._relay(events) + self._advance()
        reach("ingest.3_published")
        if sent or lots or moved:
            self._commits.sent(self._positions())
        if not lots:
            self._settle()
        else:
            ROUND_SECONDS.labels(service="ingest").observe(time.perf_counter() - start)
            oldest_ms = min(records[0].timestamp()[1] for records in lots.values())
            STAGE_LATENCY.labels(stage="ingest").observe(max(time.time() - oldest_ms / 1_000, 0.0))

    def close(self) -> None:
        """Publish what is held, release the feed and commit."""
        for partition in range(self._partitions):
            self._merge.read_to_end(partition)
        self._settle()
        self._publish()
        if self._feed_open:
            self._feed.close(self._clock.newest_of_all)
        self._commits.sent(self._positions())
        self._settle(force=True)
        self._consumer.close()

    def _assign(self, settings: Settings) -> tuple[dict[str, str], dict[Place, Position]]:
        """Read on from the group's offsets; return the topics' ids and these positions."""
        found = standings(settings)
        verify(found)
        places = {place: one.position for place, one in found.items()}
        newest = {p: position.newest for (topic, p), position in places.items() if topic == self._names.bars_in}
        self._clock.assign(newest, time.monotonic())
        self._merge.assign(list(newest))
        self._next = {place: one.offset for place, one in places.items()}
        self._consumer.assign([TopicPartition(topic, p, one.offset) for (topic, p), one in places.items()])
        return {topic: one.topic_id for (topic, _), one in found.items()}, places

    def _take(self) -> tuple[dict[Place, list[Any]], dict[Place, int]]:
        """Return the records that have come, by partition, and where partitions ended."""
        first = self._consumer.poll(_IDLE_POLL_S)
        if first is None:
            return {}, {}
        lots: dict[Place, list[Any]] = defaultdict(list)
        ended: dict[Place, int] = {}
        message: Any
        for message in [first, *self._consumer.consume(self._ingest.batch, self._ingest.gather_s)]:
            error = message.error()
            if error is None:
                lots[message.topic(), message.partition()].append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended[message.topic(), message.partition()] = message.offset()
            elif is_final(error):
                refuse_unpermitted(error, message.topic() or "ingest")
                raise BrokerError(
                    f"{message.topic()}[{message.partition()}]: {error.str()}; messages have expired unread."
                    " `signaltape repair --service ingest` accepts the loss and goes on from what is there"
                )
        return lots, ended

    def _decode(self, lots: Mapping[Place, list[Any]]) -> tuple[list[Rejection], list[Any]]:
        """Give bars to the merge; return what was rejected, and the records of control events."""
        rejected: list[Rejection] = []
        wall, now = time.time_ns(), time.monotonic()
        for (topic, partition), records in lots.items():
            if topic == self._names.bars_in:
                for start in range(0, len(records), _LOT):
                    rejected += self._intake.take(partition, records[start : start + _LOT], wall, now)
            self._next[topic, partition] = records[-1].offset() + 1
        return rejected, lots.get((self._names.control, 0), [])

    def _reach(self, ended: Mapping[Place, int]) -> bool:
        """Note partitions that are read to their end; return whether one ends beyond its last message."""
        moved = False
        for (topic, partition), end in ended.items():
            position = self._next[topic, partition]
            if position > end:
                continue  # reported before the last message came: none any more
            moved = moved or position < end
            self._next[topic, partition] = end
            if topic == self._names.bars_in:
                self._merge.read_to_end(partition)
                self._clock.read_to_end(partition)
        return moved

    def _settle(self, force: bool = False) -> None:
        """Steps 3 and 4 for what was sent."""
        if self._commits.waiting:
            self._publisher.flush_acknowledged()
            self._commits.acknowledged()
        reach("ingest.5_acknowledged")
        self._commits.commit(force)
        reach("ingest.6_committed")

    def _reject(self, rejection: Rejection) -> None:
        self._dead.put(record_of(rejection.record), rejection.code, rejection.detail)
        BARS.labels(outcome="rejected").inc()

    def _publish(self) -> int:
        count = 0
        for key, group in groupby(self._merge.release(time.monotonic()), key=lambda held: held.key):
            if not self._feed_open:
                # A partition that was not read yet may bring what is older than all: then nothing is promised.
                self._feed.open(key.event_time - 1 if self._clock.knows_all else 0)
                self._feed_open = True
            batches = list(batches_of(list(group), self._ingest.feed, self._partitions))
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

    def _advance(self) -> int:
        """Move the watermark once a second, and release the feed when its clients have gone silent."""
        now = time.monotonic()
        if not self._feed_open:
            return self._release_orphan()
        self._orphaned = None
        if now - self._marked < _WATERMARK_EVERY_S:
            return 0
        self._marked = now
        if self._clock.all_idle_for(self._ingest.release_after_s, now):
            # A process that was frozen for so long may have a successor, whose feed this must not close.
            self._still_active()
            self._feed.close(self._clock.newest_of_all)
            self._feed_open = False
        elif (promise := self._clock.watermark(now, self._merge.oldest_held())) is not None:
            self._feed.advance(promise)
            return 1
        return 0

    def _release_orphan(self) -> int:
        """Release the feed that a predecessor left open, for nobody has brought a bar since."""
        marks, self._orphaned = self._orphaned, None
        if not marks:
            return 0
        self._still_active()
        self._feed.time_out(marks)
        return 1

    def _positions(self) -> dict[Place, Position]:
        """Return up to where everything taken is out, or is among what was sent."""
        held = self._merge.first_held()
        found = {}
        for (topic, partition), offset in self._next.items():
            bars = topic == self._names.bars_in
            if bars and partition in held:
                found[topic, partition] = Position(held[partition].first_offset, held[partition].newest_before)
            else:
                found[topic, partition] = Position(offset, self._clock.newest(partition) if bars else 0)
        return found
