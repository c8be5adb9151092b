"""Burst latency: every symbol closes at once; from the first ``produce()`` to the last signal in a reader's hand."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from infra.broker.bar_feed import BarFeed
from infra.broker.publisher import Publisher
from infra.errors import OperatorError
from infra.warehouse import connect
from producers.cross_sections import cross_sections
from producers.simulation.market import MarketConfig, simulate
from schemas.topics import TopicNames
from signaltape.bench.burst_stages import Burst, Stages
from signaltape.demo.console import Console
from signaltape.demo.scene import Scene
from signaltape.draining import waiting

SYMBOLS = 5_000
BURSTS = 50
#: Bars before the first burst, so that every symbol is warm; bursts before the first that counts.
WARM_BARS, UNCOUNTED = 45, 3
PAUSE_S = 0.3
_STORED_S = 300.0


def run(active: Scene, interval: str, console: Console) -> dict[str, Any]:
    """Return p50, p99 and max in ms over ``BURSTS`` bursts of ``SYMBOLS`` symbols each, and of each stage."""
    partitions = active.settings.topics.partitions
    table = simulate(MarketConfig(symbols=SYMBOLS, missing=0.0, interval=interval, seed=11))
    feed = BarFeed(
        Publisher(active.settings, "feed-burst"), TopicNames(active.settings.topics.prefix).bars, partitions, "burst"
    )
    sections = cross_sections(table, partitions=partitions, feed="burst", source="burst")
    bursts: list[Burst] = []
    with _reader(active) as lines:
        first = next(sections)
        feed.open(first[0] - 1)
        with console.step(f"{WARM_BARS} bars of {SYMBOLS:,} symbols to warm up"):
            feed.publish(first[1])
            for _ in range(WARM_BARS):
                moment, batches = next(sections)
                feed.publish(batches)
            feed.flush()
            _await(lines, moment)
        with console.step("waiting until all of it is stored"):
            _await_stored(active)
        stages = Stages(active.settings)
        with console.step(f"{BURSTS} bursts of {SYMBOLS:,} bars"):
            for number in range(UNCOUNTED + BURSTS):
                moment, batches = next(sections)
                begun = time.time_ns()
                feed.publish(batches)
                feed.flush()
                ended = _await(lines, moment)
                if number >= UNCOUNTED:
                    bursts.append(Burst(event_time=moment, begun=begun, ended=ended))
                console.say(f"{len(bursts)} of {BURSTS}, last {(ended - begun) / 1e6:.0f} ms")
                time.sleep(PAUSE_S)
        feed.close(moment)
    spans = [(burst.ended - burst.begun) / 1e6 for burst in bursts]
    return {
        "symbols": SYMBOLS,
        "bursts": len(spans),
        "p50_ms": round(float(np.percentile(spans, 50)), 1),
        "p99_ms": round(float(np.percentile(spans, 99)), 1),
        "max_ms": round(max(spans), 1),
        "stages": stages.split(bursts),
        "each_ms": [round(span) for span in spans],
    }


def _await_stored(active: Scene) -> None:
    """Return when the warm-up has had all its effects: bursts beside what is still being stored measure that."""
    until = time.monotonic() + _STORED_S
    with connect(active.settings, name="signaltape-bench") as connection:
        while state := list(waiting(active.settings, connection)):
            if time.monotonic() > until:
                raise OperatorError(f"the warm-up was not stored in {_STORED_S:g} s; still waiting: {state}")
            time.sleep(0.2)


def _await(lines: Iterator[str], moment: int) -> int:
    """Return the wall clock (ns) at which the reader had every signal of the burst at ``moment``."""
    for line in lines:
        event_time, at = line.split()
        if int(event_time) == moment:
            return int(at)
    raise RuntimeError("the reader of the signals has ended")


@contextmanager
def _reader(active: Scene) -> Iterator[Iterator[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "signaltape.bench.burst_reader", str(SYMBOLS)],
        env=active.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield iter(process.stdout)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
