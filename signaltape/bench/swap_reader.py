"""A bare ``read_committed`` reader in a process of its own: when each partition's bar was in hand, and by which model.

``python -m signaltape.bench.swap_reader COUNT…`` (one count for each partition) reads ``signals`` from its end and
prints a line for each bar of a partition that has all its signals: partition, event time, model version of the last
signal, wall clock in ns. A bar with more signals than that prints ``twice``.
"""

import sys
import time
from typing import Any

import msgpack
from confluent_kafka import Consumer, TopicPartition

from infra.broker.config import consumer_config
from infra.settings import load_settings
from schemas.topics import TopicNames


def main() -> None:
    """Follow the topic until standard output closes."""
    wanted, settings = [int(text) for text in sys.argv[1:]], load_settings()
    topic = TopicNames(settings.topics.prefix).signals
    consumer = Consumer(consumer_config(settings, "swap-reader"))
    places = [TopicPartition(topic, partition) for partition in range(settings.topics.partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=30.0)[1]
    consumer.assign(places)
    print("ready", flush=True)
    counts: dict[tuple[int, int], int] = {}
    while True:
        first: Any = consumer.poll(1.0)
        messages: list[Any] = [first, *consumer.consume(10_000, 0.0)] if first is not None else []
        for message in messages:
            if message.error() is not None:
                continue
            body = msgpack.unpackb(message.value())
            if body["type"] != "Signal":
                continue
            bar = message.partition(), body["event_time"]
            counts[bar] = counts.get(bar, 0) + 1
            if counts[bar] == wanted[bar[0]]:
                print(*bar, body["model_version"], time.time_ns(), flush=True)
            elif counts[bar] > wanted[bar[0]]:
                print(*bar, "twice", 0, flush=True)


if __name__ == "__main__":
    main()
