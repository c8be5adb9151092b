"""Swaps of a model of 200 trees: what a swap costs the bar that it falls on, and how soon a promotion is served.

1. Bars of ``SYMBOLS`` symbols come every ``PACE_S`` seconds; ``SWAPS`` swaps are set a few bars ahead of them. The
   first ones go to versions that each instance has yet to load. A bar's time runs from its first ``produce()`` to the
   last signal of a partition in another process; bars with a swap and all others are measured in the same run.
2. Bars wait: promote (prepare and activate) a version that was never loaded, publish the next bar, and stop the clock
   at the first partition with the new version's signals; the same for a rollback.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from infra.broker.bar_feed import BarFeed
from infra.broker.publisher import Publisher as Producer
from infra.broker.reading import read_topic
from infra.errors import OperatorError
from infra.scoring.registry import ModelRegistry
from pipeline.deployments import ModelRef
from producers.cross_sections import cross_sections
from producers.simulation.market import MarketConfig, simulate
from schemas.codec import decode
from schemas.partitioning import partitions_of
from schemas.predictions import PredictionBatch
from schemas.topics import TopicNames
from signaltape.bench.swap_bars import Publisher, SeenBars, reader
from signaltape.demo.console import Console
from signaltape.demo.run import wait_ready
from signaltape.demo.scene import Scene
from signaltape.rollout import activate, prepare
from signaltape.training import TrainOptions, train

SYMBOLS, TREES, SWAPS, COLD = 500, 200, 60, 20
PROMOTIONS, WARM_BARS = 10, 45
PACE_S, LEAD = 0.2, 8
_STRATEGY, _FEED = "swapped", "swap"
_RESAMPLED = 1_000
#: Bars, each with the times (ms) of its partitions.
_Groups = list[list[float]]


@dataclass(slots=True)
class _Loads:
    """``spans``: wall clock (ns) of preparations that loaded a version. ``late``: swaps that came after their bar."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    late: int = 0


def run(active: Scene, console: Console) -> dict[str, Any]:
    """Return p99 (ms) of bars with a swap and of the others, their difference, and times from promotion to signal."""
    versions = _train(active, console)
    config = MarketConfig(symbols=SYMBOLS, missing=0.0, sessions=4, seed=12)
    table, partitions = simulate(config), active.settings.topics.partitions
    names = sorted(set(table.symbol.tolist()))
    counts = np.bincount(partitions_of(names, partitions), minlength=partitions).tolist()
    feed = BarFeed(
        Producer(active.settings, "feed-swap"), TopicNames(active.settings.topics.prefix).bars, partitions, _FEED
    )
    sections = list(cross_sections(table, partitions=partitions, feed=_FEED, source=_FEED))
    bars = Publisher(feed, sections)
    with console.step("starting the services"):
        active.supervisor.start()
        wait_ready(active, console)
        prepare(active.settings, versions[0])
        activate(active.settings, action="activate", strategy=_STRATEGY, ref=versions[0], reason="first")
    with reader(active.environment, counts) as seen:
        feed.open(sections[0][0] - 1)
        with console.step(f"{WARM_BARS} bars of {SYMBOLS} symbols to warm up"):
            for _ in range(WARM_BARS):
                moment = bars.next()
            seen.wait(moment)
        loads = _swap_under_load(active, bars, versions, console)
        seen.wait(bars.sections[bars.place - 1][0])
        measured = _costs(bars, seen, loads) | {"calls": _calls(active, bars.sections[WARM_BARS][0])}
        times = _promote_and_roll_back(active, bars, versions[COLD:], seen, console)
        feed.close(bars.sections[bars.place - 1][0])
        if seen.twice:
            raise OperatorError(f"{seen.twice} signals came twice")
    return {"symbols": SYMBOLS, "trees": TREES, **measured, **times}


def _train(active: Scene, console: Console) -> list[ModelRef]:
    """One model, registered as so many versions: each is loaded, checked and warmed on its own."""
    options = TrainOptions(name="swapped", family="lightgbm", parameters={"trees": TREES})
    with console.step(f"training {TREES} trees"):
        bars = simulate(MarketConfig(symbols=100, seed=3))
        made = train(bars, options, active.settings.home / "training" / "swapped", say=console.say)
        registry = ModelRegistry(active.settings)
        count = COLD + PROMOTIONS
        return [
            ModelRef(name="swapped", version=registry.register(made.folder, made.manifest, made.metrics))
            for _ in range(count)
        ]


def _swap_under_load(active: Scene, bars: Publisher, versions: Sequence[ModelRef], console: Console) -> _Loads:
    loads = _Loads()
    with console.step(f"{SWAPS} swaps, a bar of {SYMBOLS} symbols every {PACE_S * 1e3:.0f} ms"), bars.paced(PACE_S):
        for number in range(1, SWAPS + 1):
            ref = versions[number % COLD]
            begun = time.time_ns()
            prepare(active.settings, ref)
            if number < COLD:
                loads.spans.append((begun, time.time_ns()))
            at = bars.ahead(LEAD)
            done = activate(
                active.settings, action="activate", strategy=_STRATEGY, ref=ref, effective_from=at, reason="swap"
            )
            loads.late += bool(done.late)
            console.say(f"{number} of {SWAPS}")
            while bars.sections[bars.place - 1][0] <= at:
                time.sleep(PACE_S / 4)
    return loads


def _costs(bars: Publisher, seen: SeenBars, loads: _Loads) -> dict[str, Any]:
    swapped, loading, others = _sorted_bars(bars, seen, loads)
    partitions = len({partition for partition, _ in seen.all()})
    if sum(map(len, swapped)) != SWAPS * partitions:
        raise OperatorError(f"{sum(map(len, swapped))} bars of a partition had a swap, not {SWAPS * partitions}")
    generator, differences = np.random.default_rng(1), []
    for _ in range(_RESAMPLED):
        # Whole bars are drawn: what slows one partition's down slows the others'.
        drawn = [_p99([group[n] for n in generator.integers(0, len(group), len(group))]) for group in (swapped, others)]
        differences.append(drawn[0] - drawn[1])
    low, high = np.percentile(differences, (2.5, 97.5))
    return {
        "swaps": SWAPS,
        "late": loads.late,
        "with_swap": _percentiles(np.concatenate(swapped).tolist()),
        "while_loading": _percentiles([took for times in loading for took in times]),
        "others": _percentiles(np.concatenate(others).tolist()),
        "p99_difference_ms": round(_p99(swapped) - _p99(others), 1),
        "p99_difference_interval_ms": [round(float(low), 1), round(float(high), 1)],
    }


def _sorted_bars(bars: Publisher, seen: SeenBars, loads: _Loads) -> tuple[_Groups, _Groups, _Groups]:
    """Return the times (ms) of each bar's partitions: bars with a swap, bars while a version was loaded, all others."""
    groups: tuple[dict[int, list[float]], ...] = ({}, {}, {})
    first, before = bars.sections[WARM_BARS][0], dict[int, int]()
    for (partition, moment), one in sorted(seen.all().items(), key=lambda entry: entry[0][1]):
        begun = bars.begun[moment]
        busy = any(begun < end and one.at > start for start, end in loads.spans)
        group = 0 if before.get(partition, one.version) != one.version else 1 if busy else 2
        if moment >= first:
            groups[group].setdefault(moment, []).append((one.at - begun) / 1e6)
        before[partition] = one.version
    swapped, loading, others = (list(group.values()) for group in groups)
    return swapped, loading, others


def _calls(active: Scene, first: int) -> dict[str, Any]:
    """Return the times of the model calls alone, as they are recorded: the first by a new version, and all others."""
    swapped, others, before = list[float](), list[float](), dict[int, int]()
    for record in read_topic(active.settings, TopicNames(active.settings.topics.prefix).predictions):
        message = decode(record.value or b"")
        if not isinstance(message, PredictionBatch):
            continue
        is_first = before.get(record.partition, message.model_version) != message.model_version
        before[record.partition] = message.model_version
        if message.event_time >= first:
            (swapped if is_first else others).append(message.model_latency / 1e6)
    difference = round(float(np.percentile(swapped, 99) - np.percentile(others, 99)), 2)
    return {"with_swap": _percentiles(swapped), "others": _percentiles(others), "p99_difference_ms": difference}


def _p99(group: _Groups) -> float:
    return float(np.percentile(np.concatenate(group), 99))


def _promote_and_roll_back(
    active: Scene, bars: Publisher, versions: Sequence[ModelRef], seen: SeenBars, console: Console
) -> dict[str, Any]:
    promotions, rollbacks = [], []
    before = ModelRef(name="swapped", version=seen.wait(bars.sections[bars.place - 1][0])[0].version)
    with console.step(f"{len(versions)} promotions and rollbacks, each with the next bar at hand"):
        for ref in versions:
            begun = time.time_ns()
            prepare(active.settings, ref)
            activate(active.settings, action="activate", strategy=_STRATEGY, ref=ref, reason="promote")
            promotions.append(_first_served(bars, seen, ref, begun))
            begun = time.time_ns()
            activate(active.settings, action="rollback", strategy=_STRATEGY, ref=before, reason="roll back")
            rollbacks.append(_first_served(bars, seen, before, begun))
    return {"promote": _percentiles(promotions), "rollback": _percentiles(rollbacks)}


def _first_served(bars: Publisher, seen: SeenBars, ref: ModelRef, begun: int) -> float:
    """Publish the next bar and return ms from ``begun`` to the first partition's signals by ``ref``."""
    found = seen.wait(bars.next())
    if {one.version for one in found} != {ref.version}:
        raise OperatorError(f"the next bar was served by {sorted({one.version for one in found})}, not by {ref}")
    return (min(one.at for one in found) - begun) / 1e6


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, (50, 99)) if values else (float("nan"), float("nan"))
    return {"count": len(values), "p50_ms": round(float(p50), 1), "p99_ms": round(float(p99), 1),
            "max_ms": round(max(values, default=float("nan")), 1)}  # fmt: skip
