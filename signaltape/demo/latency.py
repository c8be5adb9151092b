"""Latencies of the stages, from the producer's timestamp of each bar message and the probe's clock."""

from pathlib import Path

import numpy as np

from infra.broker.reading import read_topic
from infra.settings import Settings
from schemas.topics import TopicNames
from signaltape.demo.probe import STAGES

#: Stage → (p50, p99, max) in ms and the number of bar messages behind them.
Latencies = dict[str, dict[str, float | int]]
_BATCH = b"signaltape.BarBatch"


def published_at(settings: Settings) -> dict[tuple[int, int], int]:
    """Return (partition, offset) → time (ns UTC) at which each bar message was handed to the producer."""
    topic = TopicNames(settings.topics.prefix).bars
    return {
        (record.partition, record.offset): record.timestamp_ms * 1_000_000
        for record in read_topic(settings, topic)
        if dict(record.headers).get("ce_type") == _BATCH
    }


def read_probe(path: Path) -> dict[str, dict[tuple[int, int], int]]:
    """Return stage → (partition, offset) → time (ns UTC) at which it could be read."""
    seen: dict[str, dict[tuple[int, int], int]] = {stage: {} for stage in STAGES}
    for line in path.read_text().splitlines():
        stage, partition, offset, at = line.split()
        seen[stage][int(partition), int(offset)] = int(at)
    return seen


def stage_latencies(
    published: dict[tuple[int, int], int],
    seen: dict[str, dict[tuple[int, int], int]],
    chosen: set[tuple[int, int]] | None = None,
) -> Latencies:
    """Return the latency of each stage over the bar messages in ``chosen`` (None = all)."""
    pairs = {
        "bars → features": (published, seen["features"]),
        "features → predictions": (seen["features"], seen["predictions"]),
        "predictions → signals": (seen["predictions"], seen["signals"]),
        "bars → signals": (published, seen["signals"]),
    }
    result: Latencies = {}
    for name, (begin, end) in pairs.items():
        keys = [key for key in end if key in begin and (chosen is None or key in chosen)]
        if keys:
            spans = np.array([end[key] - begin[key] for key in keys], dtype=np.float64) / 1e6
            result[name] = {
                "p50": round(float(np.percentile(spans, 50)), 2),
                "p99": round(float(np.percentile(spans, 99)), 2),
                "max": round(float(spans.max()), 2),
                "messages": len(keys),
            }
    return result
