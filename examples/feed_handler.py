"""A feed handler: publishes cross-sections of one-second bars up to now, then stops.

    python examples/feed_handler.py --symbols ACME,GLOBEX --bars 5

A real one would take prices from a vendor; this one walks at random from a seed.
"""

import argparse
import random
import time

from signaltape.client import BarPublisher

SECOND = 1_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", default="ACME,GLOBEX")
    parser.add_argument("--bars", type=int, default=5)
    parser.add_argument("--feed", default="example-feed")
    arguments = parser.parse_args()
    symbols = arguments.symbols.split(",")
    walk = random.Random(1)
    prices = dict.fromkeys(symbols, 100.0)
    close = time.time_ns() // SECOND * SECOND - arguments.bars * SECOND
    with BarPublisher(feed=arguments.feed) as bars:
        for _ in range(arguments.bars):
            close += SECOND
            for symbol in symbols:
                before = prices[symbol]
                after = prices[symbol] = round(before * (1.0 + walk.gauss(0.0, 0.001)), 2)
                high, low = max(before, after), min(before, after)
                bars.publish(symbol, "1s", close, before, high, low, after, volume=walk.randrange(1_000))
            bars.advance(close)
        counts = bars.flush()
    print(f"published {counts.bars} bars")


if __name__ == "__main__":
    main()
