"""A monitor's state as bytes, and back: MessagePack with raw columns."""

from typing import Any

import msgpack

from pipeline.chain import Fence
from pipeline.drift.classic import Run
from pipeline.drift.config import DriftConfig
from pipeline.drift.ledger import LabelLedger
from pipeline.drift.monitor import Counts, Course, DriftMonitor
from pipeline.drift.population_stability import Reference
from pipeline.drift.score_counts import ScoreCounts
from pipeline.drift.series import series_from
from pipeline.drift.shadow_counts import ShadowCounts

#: Version of the form. Version 1 had no counts of shadows and is read as such; any other one is refused.
STATE_VERSION = 2


class StateUnusable(ValueError):
    """A stored state was written by another version of the code or for another number of partitions."""


def snapshot(monitor: DriftMonitor) -> bytes:
    """Pack a monitor's state: the same bytes after the same messages, whatever the interleaving of lanes was."""
    counts = monitor.counts
    state: dict[str, Any] = {
        "version": STATE_VERSION,
        "gate": sorted(monitor.gate.snapshot()),
        "fences": sorted((lane, fence.position) for lane, fence in monitor.fences.items()),
        "ledger": monitor.ledger.snapshot(),
        "scores": monitor.scores.snapshot(),
        "shadows": monitor.shadows.snapshot(),
        "references": [
            (*model, None if sketch is None else (sketch.edges, sketch.counts))
            for model, sketch in sorted(monitor.references.items(), key=lambda item: item[0])
        ],
        "courses": [
            (series.key, sorted((rule, run.days, run.first) for rule, run in course.runs.items()), course.history)
            for series, course in sorted(monitor.courses.items(), key=lambda item: item[0])
        ],
        "counts": (counts.late, counts.corrections, counts.repeated),
    }
    packed: bytes = msgpack.packb(state)
    return packed


def restore(config: DriftConfig, data: bytes) -> DriftMonitor:
    """Rebuild a monitor; raises StateUnusable where the state is of another version or number of partitions."""
    state = msgpack.unpackb(data, strict_map_key=False)
    if state["version"] not in (1, STATE_VERSION):
        raise StateUnusable(f"state has version {state['version']}, this code reads version {STATE_VERSION}")
    monitor = DriftMonitor(config)
    try:
        monitor.gate.restore(state["gate"])
    except ValueError as error:
        raise StateUnusable(str(error)) from None
    for (topic, partition), position in state["fences"]:
        monitor.fences[topic, partition] = Fence(None if position is None else tuple(position))
    monitor.ledger = LabelLedger.restore(state["ledger"])
    monitor.scores = ScoreCounts.restore(state["scores"])
    if state["version"] > 1:
        monitor.shadows = ShadowCounts.restore(state["shadows"])
    monitor.references = {
        (model, version): None if sketch is None else Reference(edges=tuple(sketch[0]), counts=tuple(sketch[1]))
        for model, version, sketch in state["references"]
    }
    monitor.courses = {
        series_from(tuple(key)): Course(
            runs={rule: Run(days=days, first=first) for rule, days, first in runs},
            history=[(session, value) for session, value in history],
        )
        for key, runs, history in state["courses"]
    }
    late, corrections, repeated = state["counts"]
    monitor.counts = Counts(late=late, corrections=corrections, repeated=repeated)
    return monitor
