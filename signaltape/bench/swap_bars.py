"""Bars of the swap benchmark: published at a pace from a thread, and what a reader in another process got of them."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from infra.broker.bar_feed import BarFeed
from infra.errors import OperatorError
from schemas.bars import BarBatch

Section = tuple[int, list[tuple[int, BarBatch]]]
_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A partition's bar, complete in the reader's hand: the model's version, and when (wall clock, ns)."""

    version: int
    at: int


class SeenBars:
    """What the reader has printed so far, by (partition, event time)."""

    def __init__(self, lines: Iterator[str], partitions: int) -> None:
        self._partitions = partitions
        self._condition = threading.Condition()
        self._seen: dict[tuple[int, int], Seen] = {}
        self.twice = 0
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def all(self) -> dict[tuple[int, int], Seen]:
        """A copy."""
        with self._condition:
            return dict(self._seen)

    def wait(self, event_time: int) -> list[Seen]:
        """Return a bar's entries once all partitions have it. Raises OperatorError after a minute."""
        places = [(partition, event_time) for partition in range(self._partitions)]
        with self._condition:
            if not self._condition.wait_for(lambda: all(place in self._seen for place in places), _DEADLINE_S):
                raise OperatorError(f"the signals of the bar at {event_time} did not come in {_DEADLINE_S:g} s")
            return [self._seen[place] for place in places]

    def _read(self, lines: Iterator[str]) -> None:
        for line in lines:
            partition, event_time, version, at = line.split()
            with self._condition:
                if version == "twice":
                    self.twice += 1
                else:
                    self._seen[int(partition), int(event_time)] = Seen(int(version), int(at))
                self._condition.notify_all()


@contextmanager
def reader(environment: dict[str, str], counts: Sequence[int]) -> Iterator[SeenBars]:
    """Run the reader; ``counts``: symbols of each partition."""
    process = subprocess.Popen(
        [sys.executable, "-m", "signaltape.bench.swap_reader", *map(str, counts)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield SeenBars(iter(process.stdout), len(counts))
    finally:
        process.kill()
        process.wait()


@dataclass(slots=True)
class Publisher:
    """Publishes sections in order; ``begun``: event time → wall clock (ns) before its first ``produce()``."""

    feed: BarFeed
    sections: Sequence[Section]
    begun: dict[int, int] = field(default_factory=dict)
    place: int = 0

    def next(self) -> int:
        """Publish one section, acknowledged; returns its event time."""
        if self.place >= len(self.sections):
            raise OperatorError("the benchmark has run out of bars")
        moment, batches = self.sections[self.place]
        self.begun[moment] = time.time_ns()
        self.feed.publish(batches)
        self.feed.flush()
        self.place += 1
        return moment

    def ahead(self, bars: int) -> int:
        """Event time of the section that comes ``bars`` after the newest one."""
        return self.sections[min(self.place + bars, len(self.sections) - 1)][0]

    def paced(self, pace_s: float) -> "Paced":
        """Publish every ``pace_s`` seconds from a thread while the block runs."""
        return Paced(self, pace_s)


class Paced:
    """See ``Publisher.paced``."""

    def __init__(self, publisher: Publisher, pace_s: float) -> None:
        self._publisher, self._pace_s = publisher, pace_s
        self._end = threading.Event()
        self._failed: list[Exception] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        due = time.monotonic()
        try:
            while not self._end.wait(max(due - time.monotonic(), 0.0)):
                self._publisher.next()
                due = max(due + self._pace_s, time.monotonic())
        except Exception as error:  # handed to whoever leaves the block
            self._failed.append(error)
