"""Bars → signals, as a backtest steps them: the flow alone, in one thread, with every signal sent."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.scoring.folder_registry import FolderRegistry
from infra.scoring.untimed import UntimedModels
from pipeline.flow import FlowConfig, partition_flow
from schemas.bars import Watermark
from signaltape.backtest.material import activation
from signaltape.bench.engine import batches, later

SIZES = (1, 50, 500, 5_000)
_WARM = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowRate:
    """One size of cross-section. ``bars_per_cpu_second`` counts only the time that this process had a core."""

    symbols: int
    bars_per_second: float
    bars_per_cpu_second: float
    section_us: float
    signals: int


def measure(folder: Path, symbols: int, seconds: float) -> dict[str, Any]:
    """Step cross-sections of ``symbols`` minute bars through the model of ``folder`` for about ``seconds``."""
    registry = FolderRegistry(folder)
    lane = partition_flow(0, FlowConfig(), UntimedModels(registry))
    lane.take(Watermark(feed="bench", event_time=0, state="open"), 0)
    lane.inference.control.receive(activation(registry.manifest), None)
    bars = batches(symbols, 200)
    steps = signals = 0
    spent = worked = 0.0
    while steps < _WARM + 20 or spent < seconds:
        message = later(bars[steps % len(bars)], steps)
        steps += 1
        had, begun = time.process_time(), time.perf_counter()
        _, outputs = lane.take(message, steps)
        if steps > _WARM:
            spent += time.perf_counter() - begun
            worked += time.process_time() - had
            signals += sum(len(output.signals) for output in outputs)
    counted = steps - _WARM
    return asdict(
        FlowRate(
            symbols=symbols,
            bars_per_second=counted * symbols / spent,
            bars_per_cpu_second=counted * symbols / worked,
            section_us=spent / counted * 1e6,
            signals=signals,
        )
    )
