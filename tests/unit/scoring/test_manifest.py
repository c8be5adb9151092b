"""The manifest keeps what it says through JSON, and names what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.scoring.errors import ManifestInvalid
from infra.scoring.manifest import ModelManifest, from_json
from pipeline.drift.population_stability import Reference
from pipeline.routing.decision import Thresholds

GOOD: dict[str, Any] = {
    "name": "daily-linear",
    "feature_set": "minimal",
    "set_version": 1,
    "set_hash": "00ff",
    "features": ["logret_1"],
    "intervals": ["1d"],
    "horizon": 5,
    "thresholds": {"long": 0.01, "short": -0.01},
}


def test_round_trip(tmp_path: Path) -> None:
    manifest = ModelManifest(
        name="m",
        feature_set="core",
        set_version=2,
        set_hash="ab",
        features=("a", "b"),
        intervals=("1m", "1d"),
        horizon=20,
        thresholds=Thresholds(long=1e-5, short=-0.1 / 3, min_confidence=0.5),
        version=3,
        fallback="last",
        psi_reference=Reference(edges=(-0.1, 0.2), counts=(3, 0, 4)),
        training={"rows": {"test": 7}},
    )
    assert from_json(manifest.to_json()) == manifest


def test_defaults() -> None:
    manifest = from_json(json.dumps(GOOD))
    assert (manifest.fallback, manifest.deadline_ms, manifest.thresholds.min_confidence) == ("skip", 100.0, 0.0)
    assert manifest.terms().intervals == ("1d",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Daily Linear"}, "field name: lower-case"),
        ({"name": 7}, "field name: must be text, not 7"),
        ({"horizon": 0}, "field horizon: must be at least one bar"),
        ({"horizon": True}, "field horizon: must be a whole number"),
        ({"horizon": 2.5}, "field horizon: must be a whole number"),
        ({"intervals": ["7m"]}, "field intervals: must be of 1s"),
        ({"intervals": "1d"}, "field intervals: must be a list"),
        ({"features": []}, "field features: must name at least one"),
        ({"features": ["a", "a"]}, "names a column twice"),
        ({"thresholds": {"long": 0.0, "short": 0.0}}, "short must lie below long"),
        ({"thresholds": {"long": 0.1}}, "field thresholds: must be an object of long"),
        ({"thresholds": {"long": 0.1, "short": 0, "middle": 1}}, "field thresholds"),
        ({"thresholds": {"long": 0.1, "short": 0, "min_confidence": 1.1}}, r"must lie in \[0, 1\]"),
        ({"thresholds": {"long": float("nan"), "short": 0}}, "must be finite"),
        ({"fallback": "guess"}, "field fallback: must be one of last, default, skip"),
        ({"deadline_ms": 0}, "field deadline_ms: must be above 0"),
        ({"deadline_ms": float("nan")}, "field deadline_ms: must be above 0"),
        ({"onnx_file": "../model.onnx"}, "field onnx_file: must be a file name"),
        ({"sha256": "abc"}, "field sha256: must be 64 hex digits"),
        ({"psi_reference": {"edges": [1, 0], "counts": [1, 1, 1]}}, "field psi_reference: edges"),
        ({"psi_reference": {"edges": [0]}}, "field psi_reference"),
        ({"treshold": 1}, "unknown field treshold; known are name"),
    ],
)
def test_wrong_field_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestInvalid, match=message):
        from_json(json.dumps({**GOOD, **change}), "model.json")


@pytest.mark.parametrize("name", list(GOOD))
def test_missing_field_is_named(name: str) -> None:
    document = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(ManifestInvalid, match=f"field {name} is missing"):
        from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["[]", "{", "7"])
def test_not_an_object(text: str) -> None:
    with pytest.raises(ManifestInvalid, match=r"model\.json: "):
        from_json(text, "model.json")
