"""Everything that the shell needs beyond Faust's public interface. Contract tests hold it to the locked versions.

What Faust 0.15 does that would lose or double messages, and what is done about it here:

1. It acknowledges by itself (skipped events, failed decoding, ``take``) and commits what it believes acknowledged.
   The topics are made with ``acks=False`` and ``force_commit`` does nothing: no offset moves but by ``commit``. With
   ``acks=False`` it also keeps no set of unacknowledged messages, which would grow without end.
2. Its own commit crashes the process when a rebalance or an outage comes between. ``commit`` reports False.
3. ``isolation_level`` follows ``processing_guarantee`` alone. ``read_committed`` sets it on the consumer.
4. The consumer's thread isn't a daemon: a failed stop would keep the process alive for ever.
5. Lag seen through Faust's own consumer stands still when its fetching does. ``positions`` only says how far the
   consumer read (also past transaction markers); where the log ends is asked for through another client.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import faust
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as AioPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from mode.threads import WorkerThread

from consumers.shell.handler import TopicPartition


class _Daemon(WorkerThread):
    """A consumer thread that does not outlive the process (4)."""

    def __init__(self, service: Any, **options: Any) -> None:
        super().__init__(service, **options)
        self.daemon = True


class _Thread(AIOKafkaConsumerThread):
    """The thread in which aiokafka reads."""

    Worker = _Daemon

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        if transport.read_committed:
            consumer._isolation_level = "read_committed"
        return consumer

    async def commit_exactly(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Commit for the partitions held at this moment; False if none is held or a rebalance came between (2)."""
        consumer = self._ensure_consumer()
        held = {tp for tp in consumer.assignment() if (tp.topic, tp.partition) in offsets}
        if not held:
            return False
        try:
            await consumer.commit({tp: OffsetAndMetadata(offsets[tp.topic, tp.partition], "") for tp in held})
        except (CommitFailedError, IllegalStateError, KafkaError):
            return False
        return len(held) == len(offsets)


class _Consumer(Consumer):
    """Faust's consumer, which never commits by itself (1)."""

    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit nothing."""
        return False


class _Transport(Transport):
    Consumer = _Consumer
    read_committed = False


def install(app: faust.App, *, read_committed: bool) -> None:
    """Make ``app`` read through this adapter; call it before the app starts."""
    transport = _Transport(app.conf.broker_consumer, app)
    transport.read_committed = read_committed
    app.transport = transport


def _thread(app: faust.App) -> Any:
    consumer: Any = app.consumer
    return consumer._thread


def commit(app: faust.App, offsets: Mapping[TopicPartition, int], patience_s: float) -> bool:
    """Commit next offsets, called from any thread but the event loops'; False if that failed or took too long."""
    thread = _thread(app)
    done = asyncio.run_coroutine_threadsafe(thread.commit_exactly(dict(offsets)), thread.thread_loop)
    try:
        return bool(done.result(patience_s))
    except TimeoutError:
        done.cancel()
        return False


def positions(app: faust.App) -> dict[TopicPartition, int]:
    """Return how far the consumer has fetched and handed over on each partition that it holds (5)."""
    consumer = _thread(app)._consumer
    if consumer is None or (subscription := consumer._subscription.subscription) is None:
        return {}
    if (assignment := subscription.assignment) is None:
        return {}
    found = {}
    for tp in assignment.tps:
        state = assignment.state_value(AioPartition(tp.topic, tp.partition))
        if state is not None and state.has_valid_position:
            found[tp.topic, tp.partition] = int(state.position)
    return found


def unacknowledged(app: faust.App) -> int:
    """Return how many messages Faust holds as not acknowledged: 0 under this adapter (1)."""
    return len(app.consumer.unacked)
