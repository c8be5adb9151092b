"""An alerting consumer: prints each alert once, with what to do.

    python examples/alert_consumer.py --stop-when-idle 5

It begins with the alerts of the last week. To go on where it stopped, store ``alerts.positions`` and start from them.
"""

import argparse
import time

from signaltape.client import AlertSubscriber


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stop-when-idle", type=float, default=0.0, help="seconds, once everything is read; 0 = never")
    arguments = parser.parse_args()
    with AlertSubscriber() as alerts:
        heard = time.monotonic()
        while not arguments.stop_when_idle or time.monotonic() - heard < arguments.stop_when_idle:
            found = alerts.poll(0.2)
            if found or not alerts.caught_up:
                heard = time.monotonic()
            for alert in found:
                print(
                    f"{alert.severity}: {alert.rule} on {alert.subject}: {alert.message} → {alert.suggested_action}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
