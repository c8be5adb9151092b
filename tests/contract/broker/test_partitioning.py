"""librdkafka's murmur2 partitioner and ours put every key on the same partition."""

from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from infra.broker.config import idempotent_producer_config
from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.partitioning import partition_of

SYMBOLS = [
    *(f"SYM{number:04d}" for number in range(400)),
    *("x" * length for length in range(1, 24)),
    "Å", "日経平均", "BRK.B", "ES=F", "a b", "€uro", "😀",
]  # fmt: skip


@pytest.mark.parametrize("partitions", [1, 4, 12])
def test_keys_land_where_we_say(settings: Settings, make_topic: Callable[..., str], partitions: int) -> None:
    topic = make_topic(f"keys{partitions}", partitions)
    producer = Producer(idempotent_producer_config(settings, "test"))
    for symbol in SYMBOLS:
        producer.produce(topic, key=symbol.encode(), value=b"")
    assert producer.flush(30) == 0
    landed = {(record.key or b"").decode(): record.partition for record in read_topic(settings, topic)}
    assert landed == {symbol: partition_of(symbol, partitions) for symbol in SYMBOLS}
    assert len(set(landed.values())) == partitions
