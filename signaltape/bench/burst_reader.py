"""A bare ``read_committed`` reader in a process of its own: notes when the last signal of each burst was in hand.

``python -m signaltape.bench.burst_reader COUNT`` reads ``signals`` from its end and prints, for each event time of
which COUNT signals have come, the event time and the wall clock in ns.
"""

import sys
import time

import msgpack
from confluent_kafka import Consumer, TopicPartition

from infra.broker.config import consumer_config
from infra.settings import load_settings
from schemas.topics import TopicNames


def main() -> None:
    """Follow the topic until standard output closes."""
    wanted, settings = int(sys.argv[1]), load_settings()
    topic = TopicNames(settings.topics.prefix).signals
    consumer = Consumer(consumer_config(settings, "burst-reader"))
    places = [TopicPartition(topic, partition) for partition in range(settings.topics.partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=30.0)[1]
    consumer.assign(places)
    print("ready", flush=True)
    counts: dict[int, int] = {}
    while True:
        first = consumer.poll(1.0)
        for message in [first, *consumer.consume(10_000, 0.0)] if first is not None else []:
            if message.error() is not None:
                continue
            body = msgpack.unpackb(message.value())
            if body["type"] == "Signal":
                moment = body["event_time"]
                counts[moment] = counts.get(moment, 0) + 1
                if counts[moment] == wanted:
                    print(moment, time.time_ns(), flush=True)


if __name__ == "__main__":
    main()
