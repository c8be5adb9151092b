"""A researcher's replay: a range of history through the live agents, with its signals printed as they come.

    python examples/replay_signals.py --from 2024-01-02T00:00:00Z --to 2024-01-03T00:00:00Z --speed 60x

Nothing live is touched, and nothing of the replay is left. ``--model NAME:VERSION`` asks what another model would
have said.
"""

import argparse

from schemas.signals import Signal
from schemas.times import iso
from signaltape.client import replay


def show(signal: Signal) -> None:
    print(f"{iso(signal.event_time)}  {signal.symbol:8} {signal.signal:5} {signal.score:+.5f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="start", required=True, help="first close, with its zone")
    parser.add_argument("--to", dest="end", required=True, help="last close, with its zone")
    parser.add_argument("--speed", default="60x")
    parser.add_argument("--model", default="", help="by default those that were live then")
    given = parser.parse_args()
    report = replay(given.start, given.end, speed=given.speed, model=given.model, on_signal=show)
    print(f"{report.bars} bars, {report.counts.predictions} predictions, {report.counts.signals} signals")


if __name__ == "__main__":
    main()
