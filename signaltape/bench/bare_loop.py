"""The baseline for single bars: one bare confluent-kafka loop that computes the same features, with no guarantee.

It reads ``bars-in``, gathers the bars of one close, steps the same engine and produces the feature messages. It keeps
no checkpoint, waits for no acknowledgement, writes no row and dead-letters nothing: what is left is the cost of the
work itself.
"""

import time
from itertools import count
from typing import Any

import msgpack
import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from infra.broker.config import consumer_config, idempotent_producer_config
from infra.settings import Settings
from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig
from schemas.bars import BarBatch, Watermark
from schemas.codec import encode
from schemas.topics import TopicNames

_FEED = "bare"


def run(settings: Settings, bars: int, out_topic: str) -> float:
    """Return bars per second of the bare loop over ``bars`` MessagePack bars that lie in ``bars-in``."""
    partitions = settings.topics.partitions
    topic = TopicNames(settings.topics.prefix).bars_in
    consumer = Consumer(consumer_config(settings, "bench-bare"))
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    producer = Producer(idempotent_producer_config(settings, "bench-bare"))
    engines = [PartitionEngine(EngineConfig(partition=p, partitions=partitions)) for p in range(partitions)]
    offsets = [count(1) for _ in range(partitions)]
    for engine in engines:
        engine.step(Watermark(feed=_FEED, event_time=0, state="open"), 0)
    gathered: list[dict[tuple[str, int], list[dict[str, Any]]]] = [{} for _ in range(partitions)]
    taken, begun = 0, 0.0
    while taken < bars:
        messages = consumer.consume(5_000, 0.1)
        begun = begun or time.perf_counter()
        for message in messages:
            if message.error() is not None:
                continue
            bar = msgpack.unpackb(message.value())
            partition = message.partition() or 0
            gathered[partition].setdefault((bar["interval"], bar["event_time"]), []).append(bar)
            taken += 1
        for partition, groups in enumerate(gathered):
            ready = list(groups)[:-1] if taken < bars else list(groups)
            for key in ready:
                step = engines[partition].step(_batch(key, groups.pop(key)), next(offsets[partition]))
                for derived in step.features:
                    producer.produce(out_topic, encode(derived), partition=partition)
        producer.poll(0)
    producer.flush(60)
    spent = time.perf_counter() - begun
    consumer.close()
    return bars / spent


def _batch(key: tuple[str, int], bars: list[dict[str, Any]]) -> BarBatch:
    interval, event_time = key
    columns: dict[str, Any] = {
        name: np.array([bar[name] for bar in bars]) for name in ("open", "high", "low", "close", "volume")
    }
    return BarBatch(
        feed=_FEED,
        source=_FEED,
        interval=interval,
        event_time=event_time,
        available_time=event_time,
        symbols=tuple(str(bar["symbol"]) for bar in bars),
        volume_valid=np.ones(len(bars), dtype=np.bool_),
        **columns,
    )
