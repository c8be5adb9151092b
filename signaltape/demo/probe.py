"""A process of its own that notes when each derived message could be read: the clock behind the latencies.

``python -m signaltape.demo.probe OUT`` reads ``features``, ``predictions`` and ``signals`` (committed messages only)
until its standard input closes, then writes one line per bar message and stage: stage, partition, source offset, and
the wall clock in ns at which the first message derived from it was in hand.
"""

import select
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from infra.broker.config import consumer_config
from infra.settings import load_settings
from schemas.codec import decode_any
from schemas.signals import Signal
from schemas.topics import TopicNames

STAGES = ("features", "predictions", "signals")


def main() -> None:
    """Follow the topics from their ends and write what was seen."""
    settings = load_settings()
    names = TopicNames(settings.topics.prefix)
    stage_of = {names.features: "features", names.predictions: "predictions", names.signals: "signals"}
    consumer = Consumer(consumer_config(settings, "latency-probe"))
    places = [TopicPartition(topic, p) for topic in stage_of for p in range(settings.topics.partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=30.0)[1]
    consumer.assign(places)
    print("ready", flush=True)
    seen: dict[tuple[str, int, int], int] = {}
    while not select.select([sys.stdin], [], [], 0)[0]:
        first = consumer.poll(0.2)
        if first is None:
            continue
        messages = [first, *consumer.consume(2_000, 0.0)]
        now = time.time_ns()
        for message in messages:
            stage = stage_of.get(message.topic() or "")
            if message.error() is None and stage is not None:
                offset = _source_offset(stage, message)
                if offset is not None:
                    seen.setdefault((stage, message.partition() or 0, offset), now)
    consumer.close()
    lines = [f"{stage} {partition} {offset} {at}" for (stage, partition, offset), at in seen.items()]
    Path(sys.argv[1]).write_text("\n".join(lines))


def _source_offset(stage: str, message: object) -> int | None:
    """Return the offset of the bar message that this one was derived from, from its id where that holds it."""
    headers = dict(message.headers() or [])  # type: ignore[attr-defined]
    if stage == "signals":
        if headers.get("ce_type") != b"signaltape.Signal":
            return None
        signal = decode_any(message.value(), headers.get("content-type", b"").decode())  # type: ignore[attr-defined]
        return signal.source[1] if isinstance(signal, Signal) else None
    wanted = b"signaltape.FeatureBatch" if stage == "features" else b"signaltape.PredictionBatch"
    if headers.get("ce_type") != wanted:
        return None
    return int(headers["ce_id"].split(b"/")[2])


if __name__ == "__main__":
    main()
