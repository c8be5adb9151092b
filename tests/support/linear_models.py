"""Small ONNX models for tests, made in milliseconds: the same arguments give the same bytes."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from infra.scoring.files import sha256_of, write_atomically
from infra.scoring.golden import GoldenVectors
from infra.scoring.manifest import ModelManifest
from infra.scoring.numerics import host_fingerprint
from infra.scoring.scorer import RowScorer
from infra.scoring.session import Session
from pipeline.features import FEATURE_SETS
from pipeline.routing.decision import Thresholds


def linear_graph(weights: list[float], bias: float = 0.0, sharpness: float = 100.0) -> bytes:
    """ONNX bytes of score = bias + Σ w x (undefined x counts 0), confidence = sigmoid(sharpness |score|).

    Features beyond float32, or NaN weights, give NaN scores.
    """

    def constant(name: str, values: object) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)

    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["filled"]),
        # The operator that converters make of linear models: unlike MatMul it gives one row other bits than many.
        helper.make_node(
            "LinearRegressor",
            ["filled"],
            ["column"],
            domain="ai.onnx.ml",
            coefficients=[float(weight) for weight in weights],
            intercepts=[float(bias)],
        ),
        helper.make_node("Reshape", ["column", "flat"], ["score"]),
        helper.make_node("Abs", ["score"], ["size"]),
        helper.make_node("Mul", ["size", "sharpness"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["confidence"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("score", "confidence")],
        [
            constant("zero", 0.0),
            constant("sharpness", sharpness),
            numpy_helper.from_array(np.array([-1], dtype=np.int64), "flat"),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


def write_linear_model(
    folder: Path,
    *,
    name: str = "linear-test",
    version: int = 1,
    feature_set: str = "minimal",
    weights: dict[str, float] | None = None,
    bias: float = 0.0,
    sharpness: float = 100.0,
    **manifest: object,
) -> ModelManifest:
    """Write model.onnx, golden.json and manifest.json into ``folder``; ``weights`` by feature (default: reversal).

    More fields of the manifest (thresholds, horizon, intervals, fallback …) can be given by name.
    ``Scorer.load(folder / "model.onnx", made.sha256, made)`` loads it.
    """
    chosen = FEATURE_SETS[feature_set]
    weights = weights if weights is not None else {"logret_1": -0.5, "volume_z_20": -0.0005}
    graph = linear_graph(list(weights.values()), bias, sharpness)
    values: dict[str, object] = {
        "name": name,
        "version": version,
        "family": "linear",
        "feature_set": chosen.name,
        "set_version": chosen.version,
        "set_hash": chosen.hash,
        "features": tuple(weights),
        "intervals": ("1m", "1d"),
        "horizon": 5,
        "thresholds": Thresholds(long=0.001, short=-0.001),
        "sha256": sha256_of(graph),
        "numerics": host_fingerprint(),
    }
    draft = ModelManifest(**{**values, **manifest})  # type: ignore[arg-type]
    golden = golden_rows(draft, graph)
    made = ModelManifest(**{**values, **manifest, "golden_sha256": sha256_of(golden)})  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / made.onnx_file, graph)
    write_atomically(folder / made.golden_file, golden)
    write_atomically(folder / "manifest.json", made.to_json().encode())
    return made


def golden_rows(manifest: ModelManifest, graph: bytes, rows: int = 32) -> bytes:
    """Golden vectors over seeded rows of daily-return size, the last one with nothing defined."""
    drawn = np.random.default_rng(1).normal(0.0, 0.02, (rows, len(manifest.features))).astype(np.float32)
    drawn[-1] = np.nan
    scores = RowScorer(Session(graph, len(manifest.features), "test model")).score_rows(drawn)
    golden = GoldenVectors(features=manifest.features, rows=drawn, score=scores.score, confidence=scores.confidence)
    return golden.to_json()
