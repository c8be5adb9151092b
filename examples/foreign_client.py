"""A client that knows nothing of this project: bars as JSON with nothing but confluent-kafka.

    python examples/foreign_client.py --bootstrap 127.0.0.1:19092

Key by symbol, so that the bars of one symbol stay in order.
"""

import argparse
import json
import time

from confluent_kafka import Producer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", default="127.0.0.1:19092")
    parser.add_argument("--topic", default="bars-in.v1")
    parser.add_argument("--bars", type=int, default=3)
    arguments = parser.parse_args()
    producer = Producer({"bootstrap.servers": arguments.bootstrap, "partitioner": "murmur2"})
    close = int(time.time()) - arguments.bars
    for number in range(arguments.bars):
        bar = {
            "symbol": "ACME",
            "interval": "1s",
            "event_time": (close + number) * 1_000_000_000,
            "open": 10.0,
            "high": 10.2,
            "low": 9.9,
            "close": 10.0 + number / 100,
            "volume": 1200,
        }
        producer.produce(arguments.topic, key=bar["symbol"], value=json.dumps(bar))
    left = producer.flush(30)
    print(f"{arguments.bars - left} bars delivered")


if __name__ == "__main__":
    main()
