"""Drift monitoring alone: what a market minute costs, and whether memory grows over a year.

The messages are those that the agent reads, decoded from their bytes. Beside it, of the same run: decoding alone.
"""

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.drift.config import DriftConfig
from pipeline.drift.monitor import DriftMonitor
from pipeline.drift.monitor_state import snapshot
from pipeline.drift.population_stability import reference_of
from pipeline.drift.sessions import Lane
from pipeline.drift.training_reference import TrainingReference
from schemas.bars import Watermark
from schemas.codec import Message, decode, encode
from schemas.features import ReturnBatch
from schemas.intervals import DAY, HOUR, MINUTE
from schemas.link import Link
from schemas.predictions import PredictionBatch

SYMBOLS, MODELS, PARTITIONS, HORIZONS = 5_000, 10, 4, (1, 5, 20)
_FIRST = 20_000
_OPENING = 14 * HOUR


def run(say: Callable[[str], None] = lambda _: None, *, minutes: int = 60) -> dict[str, Any]:
    """CPU seconds for a minute of 5,000 symbols × 10 models; resident memory in MB through 252 small sessions."""
    say(f"{minutes} minutes of {SYMBOLS:,} symbols and {MODELS} models")
    tape = _Tape(SYMBOLS, MODELS, seed=1)
    monitor = tape.monitor()
    taken = {"monitor": 0.0, "decode": 0.0}
    count = 0
    for lane, message in tape.session(_FIRST, minutes, first=True):
        data = encode(message)
        begun = time.process_time()
        decode(data)
        between = time.process_time()
        monitor.step(lane, decode(data))
        taken["decode"] += between - begun
        taken["monitor"] += time.process_time() - between
        count += 1
    say("252 sessions of 500 symbols and 2 models")
    resident, states = _year()
    return {
        "symbols": SYMBOLS,
        "models": MODELS,
        "minutes": minutes,
        "messages": count,
        "cpu_s_a_minute": round(taken["monitor"] / minutes, 4),
        "decode_s_a_minute": round(taken["decode"] / minutes, 4),
        "share_of_a_core": round(taken["monitor"] / minutes / 60, 5),
        "resident_mb": resident,
        "state_kb": states,
    }


def _year() -> tuple[dict[str, float], dict[str, float]]:
    """Resident memory and size of the state after 20, 126 and 252 sessions."""
    tape = _Tape(500, 2, seed=2)
    monitor = tape.monitor()
    resident: dict[str, float] = {}
    states: dict[str, float] = {}
    for number in range(252):
        for lane, message in tape.session(_FIRST + number, 8, first=number == 0):
            monitor.step(lane, message)
        if number + 1 in (20, 126, 252):
            resident[str(number + 1)] = round(_resident_mb(), 1)
            states[str(number + 1)] = round(len(snapshot(monitor)) / 1_000, 1)
    return resident, states


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


class _Tape:
    """Sessions of both topics, lane by lane in log order."""

    def __init__(self, symbols: int, models: int, *, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._names = [tuple(f"SYM{n:05d}" for n in range(p, symbols, PARTITIONS)) for p in range(PARTITIONS)]
        self._models = models
        self._offset = 0
        self._last: dict[int, tuple[int, int] | None] = dict.fromkeys(range(PARTITIONS))

    def monitor(self) -> DriftMonitor:
        """A monitor that knows the models."""
        monitor = DriftMonitor(DriftConfig(partitions=PARTITIONS))
        reference = TrainingReference(ic=0.04, ic_scale=0.05, sketch=reference_of(self._rng.normal(size=5_000)))
        for number in range(self._models):
            monitor.learn((f"model{number}", 1), reference)
        return monitor

    def session(self, day: int, minutes: int, *, first: bool) -> Iterator[tuple[Lane, Message]]:
        """Minutes of one session, and the watermark that closes it."""
        opening = day * DAY + _OPENING
        if first:
            yield from self._watermarks(opening, "open")
        for minute in range(1, minutes + 1):
            now = opening + minute * MINUTE
            for partition in range(PARTITIONS):
                for number in range(self._models):
                    yield ("predictions", partition), self._predictions(partition, number, now)
                for horizon in HORIZONS:
                    if minute > horizon:
                        yield ("returns", partition), self._returns(partition, horizon, now)
            yield from self._watermarks(now, "advance")
        yield from self._watermarks((day + 1) * DAY, "advance")

    def _watermarks(self, time: int, state: str) -> Iterator[tuple[Lane, Message]]:
        for partition in range(PARTITIONS):
            yield (
                ("predictions", partition),
                Watermark(feed="bench", event_time=time, state=state, partition_time=time),
            )
            link = self._link(partition)
            yield (
                ("returns", partition),
                Watermark(feed="bench", event_time=time, state=state, partition_time=time, link=link),
            )

    def _link(self, partition: int) -> Link:
        self._offset += 1
        link = Link(position=(self._offset, 0), last_part=0, previous=self._last[partition])
        self._last[partition] = link.position
        return link

    def _predictions(self, partition: int, number: int, now: int) -> PredictionBatch:
        symbols = self._names[partition]
        zeros = np.zeros(len(symbols), np.uint8)
        return PredictionBatch(
            source_partition=partition, source_position=(self._offset, 0), strategy=f"strategy{number}",
            model=f"model{number}", model_version=1, model_sha256="0" * 64, role="live", feature_set="core",
            set_version=1, set_hash="h", interval="1m", horizon=5, event_time=now, model_latency=1,
            deadline_missed=False, breaker_open=False, symbols=symbols, score=self._rng.normal(size=len(symbols)),
            confidence=np.full(len(symbols), 0.6), status=zeros, direction=zeros, outcome=zeros,
        )  # fmt: skip

    def _returns(self, partition: int, horizon: int, now: int) -> ReturnBatch:
        symbols = self._names[partition]
        return ReturnBatch(
            link=self._link(partition), interval="1m", horizon=horizon, event_time=now, available_time=now,
            kind="live", symbols=symbols, prediction_time=np.full(len(symbols), now - horizon * MINUTE),
            log_return=self._rng.normal(size=len(symbols)) / 1_000,
        )  # fmt: skip
