"""Speed of the feature engine alone: one core, no broker, snapshots on, against plain Python doing a part of it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig
from schemas.bars import BarBatch, Watermark
from schemas.intervals import MINUTE

SIZES = (1, 50, 500, 5_000)
#: Cross-sections between two snapshots.
SNAPSHOT_EVERY = 100
_WARM = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One size: bars per second over the whole run, time per cross-section, time of one snapshot (µs) and its size.

    ``bars_per_cpu_second`` counts only the time that this process had a core: on a busy machine it is the steadier.
    """

    symbols: int
    bars_per_second: float
    bars_per_cpu_second: float
    step_us: float
    step_p99_us: float
    snapshot_us: float
    snapshot_bytes: int


def run(
    sizes: tuple[int, ...] = SIZES, seconds: float = 2.0, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Measure each size for about ``seconds`` and return plain values.

    The baseline is a loop in plain Python over bars with the recursive averages of the same set only (EMA 12 and 26,
    RSI, ATR: five of 34 columns), so the ratio understates the engine.
    """
    say = progress or (lambda _: None)
    say("baseline")
    baseline = _baseline(seconds / 2.0)
    rows = []
    for size in sizes:
        say(f"{size} symbols")
        measured = measure(size, seconds)
        rows.append(
            {name: getattr(measured, name) for name in Measured.__dataclass_fields__}
            | {"ratio": measured.bars_per_second / baseline}
        )
    return {"snapshot_every": SNAPSHOT_EVERY, "baseline_bars_per_second": baseline, "sizes": rows}


def measure(symbols: int, seconds: float) -> Measured:
    """Step whole cross-sections of minute bars for about ``seconds``, a snapshot every ``SNAPSHOT_EVERY``."""
    bars = batches(symbols, 200)
    engine = PartitionEngine(EngineConfig(partition=0, partitions=1))
    engine.step(Watermark(feed="bench", event_time=0, state="open"), 0)
    offset, laps, snapshots, blob = 0, [], [], b""
    begin = processor = 0.0
    while offset < _WARM + SNAPSHOT_EVERY or time.perf_counter() - begin < seconds:
        message = later(bars[offset % len(bars)], offset)
        offset += 1
        had, started = time.process_time(), time.perf_counter()
        engine.step(message, offset)
        ended = time.perf_counter()
        if offset <= _WARM:
            begin = ended
            continue
        laps.append(ended - started)
        if offset % SNAPSHOT_EVERY == 0:
            blob = engine.snapshot()
            snapshots.append(time.perf_counter() - ended)
        processor += time.process_time() - had
    spent = float(np.sum(laps) + np.sum(snapshots))
    return Measured(
        symbols=symbols,
        bars_per_second=len(laps) * symbols / spent,
        bars_per_cpu_second=len(laps) * symbols / processor,
        step_us=float(np.median(laps)) * 1e6,
        step_p99_us=float(np.quantile(laps, 0.99)) * 1e6,
        snapshot_us=float(np.median(snapshots)) * 1e6,
        snapshot_bytes=len(blob),
    )


def batches(symbols: int, bars: int) -> list[BarBatch]:
    """Cross-sections of simulated bars, all of one close."""
    rng = np.random.default_rng(1)
    names = tuple(f"S{place:05d}" for place in range(symbols))
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.001, (bars, symbols)), axis=0))
    opening = np.vstack([close[:1], close[:-1]])
    volume = rng.integers(1, 10_000, (bars, symbols)).astype(np.float64)
    return [
        BarBatch(
            feed="bench", source="simulated", interval="1m", event_time=MINUTE, available_time=MINUTE, symbols=names,
            open=opening[at], high=np.maximum(opening[at], close[at]) * 1.0005,
            low=np.minimum(opening[at], close[at]) * 0.9995, close=close[at],
            volume=volume[at], volume_valid=np.ones(symbols, dtype=np.bool_),
        )
        for at in range(bars)
    ]  # fmt: skip


def later(batch: BarBatch, at: int) -> BarBatch:
    """The same bars one cross-section later, with symbols that are new objects, as a decoded message has them."""
    when = (at + 1) * MINUTE
    names = tuple(" ".join(batch.symbols).split(" "))
    return BarBatch(
        feed=batch.feed, source=batch.source, interval=batch.interval, event_time=when, available_time=when,
        symbols=names, open=batch.open, high=batch.high, low=batch.low, close=batch.close,
        volume=batch.volume, volume_valid=batch.volume_valid,
    )  # fmt: skip


def _baseline(seconds: float) -> float:
    """Bars per second of a plain Python loop over one symbol with five recursive columns."""
    closes = (100.0 + np.sin(np.arange(20_000) / 50.0)).tolist()
    fast = slow = last = closes[0]
    gain = loss = spread = strength = 0.0
    bars, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for close in closes:
            high, low = close * 1.0005, close * 0.9995
            change = close - last
            fast += (close - fast) * (2.0 / 13.0)
            slow += (close - slow) * (2.0 / 27.0)
            gain = (gain * 13.0 + max(change, 0.0)) / 14.0
            loss = (loss * 13.0 + max(-change, 0.0)) / 14.0
            spread = (spread * 13.0 + max(high - low, abs(high - last), abs(low - last))) / 14.0
            strength = 100.0 * gain / (gain + loss) if gain + loss else 0.0
            last = close
        bars += len(closes)
    if not math.isfinite(fast + slow + spread + strength):
        raise ArithmeticError("the baseline left the range of floating point")
    return bars / (time.perf_counter() - started)
