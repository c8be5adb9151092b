"""What every feature set must hold: the release's sets do, and each way of breaking it is found by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.feature_checks import check_set
from pipeline.features import FEATURE_SETS, FeatureSet, feature_set
from pipeline.features.base import Family, Feature, Frame, Scale
from pipeline.features.columns import CLOSE
from schemas.fields import F8Array

Step = Callable[[Frame, F8Array, F8Array], None]


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_the_sets_of_the_release_hold_everything(name: str) -> None:
    assert check_set(FEATURE_SETS[name]) == ()


def made(step: Step, first: int = 0, state: tuple[tuple[str, Scale], ...] = (), **fields: Any) -> FeatureSet:
    feature = Feature(name="made", first=first, definition="made for this test", **fields)
    family = Family(name="made", version=1, features=(feature,), step=step, state=state)
    return feature_set("made", 1, ("made",), extra=(family,))


def ratio(frame: Frame, state: F8Array, out: F8Array) -> None:
    out[0] = frame.close / frame.ago(CLOSE, 3)


def level(frame: Frame, state: F8Array, out: F8Array) -> None:
    out[0] = frame.close


def highest(frame: Frame, state: F8Array, out: F8Array) -> None:
    state[0] = np.maximum(state[0], frame.close)
    out[0] = frame.close / state[0]


def volume_or_zero(frame: Frame, state: F8Array, out: F8Array) -> None:
    out[0] = np.where(np.isnan(frame.volume), 0.0, frame.volume / (frame.volume + frame.ago(1, 1)))


def rank(frame: Frame, state: F8Array, out: F8Array) -> None:
    out[0] = np.argsort(np.argsort(frame.close)) / frame.close.shape[0]


def jitter() -> Step:
    """A step that remembers between runs what it should keep in its state."""
    calls = [0]

    def step(frame: Frame, state: F8Array, out: F8Array) -> None:
        calls[0] += 1
        out[0] = frame.close / frame.ago(CLOSE, 1) + calls[0] * 1e-13

    return step


PRICE = (("highest", Scale.PRICE),)
GOOD = [
    made(ratio, 3),
    made(level, comparable=False),
    made(highest, state=PRICE, recursive=True),
]


@pytest.mark.parametrize("good", GOOD, ids=["window", "level", "recursive"])
def test_a_sound_set_passes(good: FeatureSet) -> None:
    assert check_set(good) == ()


BAD = {
    "declaration": made(ratio, -1),
    "warm_up": made(ratio, 2),
    "look_back": made(highest, state=PRICE),
    "missing_volume": made(volume_or_zero, 1),
    "units": made(level),
    "batching": made(rank),
    "repetition": made(jitter(), 1),
    "splits": made(highest, state=(("highest", Scale.NONE),), recursive=True),
}


@pytest.mark.parametrize("check", BAD)
def test_each_fault_is_found_by_its_check(check: str) -> None:
    found = check_set(BAD[check])
    assert check in {finding.check for finding in found}
    assert {finding.feature for finding in found} == {"made"}


def test_state_outside_the_snapshot_is_found() -> None:
    """A running maximum by symbol that lives in the module: other courses of the same bars meet each other's rest."""
    kept: dict[int, F8Array] = {}

    def step(frame: Frame, state: F8Array, out: F8Array) -> None:
        width = frame.close.shape[0]
        kept[width] = np.maximum(kept.get(width, frame.close), frame.close)
        out[0] = frame.close / kept[width]

    assert {"repetition", "look_ahead"} & {finding.check for finding in check_set(made(step, recursive=True))}
