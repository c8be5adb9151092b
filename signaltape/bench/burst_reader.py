"""A gateway in a process of its own: notes when the last signal of each burst was in hand.

``python -m signaltape.bench.burst_reader COUNT`` reads ``signals`` as ``read_committed`` and prints, for each event
time of which COUNT signals have come, the event time and the wall clock in ns.
"""

import sys
import time

from schemas.signals import Signal
from signaltape.client import SignalSubscriber, Update


def main() -> None:
    """Follow the topic from its end until standard output closes."""
    wanted = int(sys.argv[1])
    counts: dict[int, int] = {}
    with SignalSubscriber(start="end") as subscriber:
        subscriber.poll(2.0)
        print("ready", flush=True)
        while True:
            for update in subscriber.poll(1.0):
                if isinstance(update, Update) and isinstance(update.message, Signal):
                    moment = update.message.event_time
                    counts[moment] = counts.get(moment, 0) + 1
                    if counts[moment] == wanted:
                        print(moment, time.time_ns(), flush=True)


if __name__ == "__main__":
    main()
