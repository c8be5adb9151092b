"""A monitor's state as bytes, and back: MessagePack with raw columns."""

from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

from pipeline.chain import Fence
from pipeline.drift.business import BusinessDays
from pipeline.drift.config import DriftConfig
from pipeline.drift.course import course_from
from pipeline.drift.feature_days import FeatureDays
from pipeline.drift.ledger import LabelLedger
from pipeline.drift.monitor import Counts, DriftMonitor
from pipeline.drift.score_counts import DayCounts, ScoreCounts
from pipeline.drift.series import Series, series_from
from pipeline.drift.shadow_counts import ShadowCounts
from pipeline.drift.training_reference import from_plain, to_plain

#: Version of the form. Versions 1 and 2 had no features, and runs of days of another form: they are read without.
#: Up to 3 there were no hours: the first one after such a state holds what came since.
STATE_VERSION = 4
_WITH_COURSES, _WITH_HOURS = 3, 4


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
        "features": monitor.features.snapshot(),
        "business": monitor.business.snapshot(),
        "hours": monitor.hours.snapshot(),
        "references": [
            (*model, to_plain(reference))
            for model, reference in sorted(monitor.references.items(), key=lambda item: item[0])
        ],
        "closed_scores": [
            (series.key, day.counts.tolist()) for series, day in sorted(monitor.closed_scores.items(), key=_by_series)
        ],
        "policy": monitor.config.policy.fingerprint,
        "courses": [
            (series.key, course.snapshot()) for series, course in sorted(monitor.courses.items(), key=_by_series)
        ],
        "counts": (counts.late, counts.corrections, counts.repeated),
    }
    packed: bytes = msgpack.packb(state)
    return packed


def restore(config: DriftConfig, data: bytes) -> DriftMonitor:
    """Rebuild a monitor; raises StateUnusable where the state is of another version or number of partitions."""
    state = msgpack.unpackb(data, strict_map_key=False)
    if state["version"] not in range(1, STATE_VERSION + 1):
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
    if "business" in state:
        monitor.business = BusinessDays.restore(state["business"])
    if state["version"] >= _WITH_HOURS:
        monitor.hours.restore(state["hours"])
    if state["version"] >= _WITH_COURSES:
        _restore_courses(monitor, state)
    late, corrections, repeated = state["counts"]
    monitor.counts = Counts(late=late, corrections=corrections, repeated=repeated)
    return monitor


def _restore_courses(monitor: DriftMonitor, state: Mapping[str, Any]) -> None:
    """Features, references and courses; of another policy only the figures are taken over."""
    monitor.features = FeatureDays.restore(state["features"])
    monitor.references = {(model, version): from_plain(plain) for model, version, plain in state["references"]}
    monitor.closed_scores = {
        series_from(tuple(key)): DayCounts(counts=np.array(counts, np.int64)) for key, counts in state["closed_scores"]
    }
    same = state["policy"] == monitor.config.policy.fingerprint
    for key, plain in state["courses"]:
        series = series_from(tuple(key))
        reference = monitor.references[series.model, series.version]
        monitor.courses[series] = course_from(plain, monitor.config.policy, reference, same_policy=same)


def _by_series(item: tuple[Series, object]) -> Series:
    return item[0]
