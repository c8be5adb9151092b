"""The agent's blob: it belongs to exactly one set of offsets, unless a repair began anew."""

import pytest

from consumers.drift_agent.state import DriftStateError, Place, pack, unpack
from pipeline.drift.config import DriftConfig
from pipeline.drift.monitor import DriftMonitor
from pipeline.drift.monitor_state import snapshot
from pipeline.drift.sessions import Lane, lanes_of
from pipeline.drift.training_reference import TrainingReference

CONFIG = DriftConfig(partitions=1)


def places(offset: int, generation: int = 1) -> dict[Lane, Place]:
    return {lane: Place(generation=generation, offset=offset) for lane in lanes_of(1)}


def test_the_state_of_its_own_offsets_is_taken() -> None:
    monitor = DriftMonitor(CONFIG)
    monitor.learn(("m", 1), TrainingReference())
    restored = unpack(CONFIG, pack(monitor, places(7)), places(7))
    assert restored is not None
    assert snapshot(restored) == snapshot(monitor)


def test_a_repair_that_left_the_offsets_leaves_the_state() -> None:
    assert unpack(CONFIG, pack(DriftMonitor(CONFIG), places(7)), places(7, generation=2)) is not None


def test_a_repair_that_moved_the_offsets_begins_anew() -> None:
    assert unpack(CONFIG, pack(DriftMonitor(CONFIG), places(7)), places(0, generation=2)) is None


def test_other_offsets_are_refused_with_the_repair_command() -> None:
    with pytest.raises(DriftStateError, match=r"predictions\[0\].*offset=7.*offset=5.*signaltape repair"):
        unpack(CONFIG, pack(DriftMonitor(CONFIG), places(7)), places(5))


def test_a_state_of_another_version_is_refused_with_the_repair_command() -> None:
    blob = pack(DriftMonitor(CONFIG), places(7)).replace(b"\xa7version\x01", b"\xa7version\x09", 1)
    with pytest.raises(DriftStateError, match=r"has form 9.*signaltape repair"):
        unpack(CONFIG, blob, places(7))
