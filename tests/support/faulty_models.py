"""ONNX models that behave on their golden vectors and misbehave on rows with a feature above 1: real graphs."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from infra.scoring.files import sha256_of, write_atomically
from infra.scoring.manifest import ModelManifest
from infra.scoring.numerics import host_fingerprint
from pipeline.features import FEATURE_SETS
from pipeline.routing.decision import Thresholds
from tests.support.linear_models import golden_rows

#: Turns of a loop that make a chunk take some 50 ms, and that no machine ever ends. With ``ROWS`` rows, thirty chunks,
#: the deadline passes after some of them. A call is left behind only after as much time again without the end of a
#: chunk: the deadline is what this process may be held up by others.
_SLEEP_TURNS, _ENDLESS = 45_000, 2**60
ROWS, DEADLINE_MS = 7_680, 800.0

Nodes = list[onnx.NodeProto]


def faulty_graph(fault: str, width: int) -> bytes:
    """ONNX bytes of score = sum of the features (undefined ones count 0), confidence = 0.75, until the fault.

    ``fault`` is `sleeps`, `hangs`, `raises`, `nan`, `shape` or `memory` (it asks for 16 GB).
    """
    constants = [
        _constant("zero", np.float32(0)),
        _constant("one", np.float32(1)),
        _constant("half_and_more", np.array([0.75], dtype=np.float32)),
        _constant("columns", np.array([1], dtype=np.int64)),
        _constant("flat", np.array([-1], dtype=np.int64)),
    ]
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["filled"]),
        helper.make_node("ReduceSum", ["filled", "columns"], ["sum"], keepdims=0),
        helper.make_node("ReduceMax", ["filled"], ["highest"], keepdims=0),
        helper.make_node("Greater", ["highest", "one"], ["triggered"]),
    ]
    more, values = {
        "sleeps": lambda: _loop(_SLEEP_TURNS),
        "hangs": lambda: _loop(_ENDLESS),
        "raises": _raise,
        "nan": _nan,
        "shape": _shape,
        "memory": _memory,
    }[fault]()
    nodes += more
    nodes += [
        helper.make_node("Shape", ["sum"], ["rows"]),
        helper.make_node("Expand", ["half_and_more", "rows"], ["confidence"]),
    ]
    graph = helper.make_graph(
        nodes,
        fault,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("score", "confidence")],
        constants + values,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


def write_faulty_model(folder: Path, fault: str, **manifest: object) -> ModelManifest:
    """Write the model's files; more fields of the manifest (name, fallback …) can be given."""
    chosen = FEATURE_SETS["minimal"]
    graph = faulty_graph(fault, len(chosen.names))
    values: dict[str, object] = {
        "name": fault, "version": 0, "feature_set": chosen.name, "set_version": chosen.version,
        "set_hash": chosen.hash, "features": chosen.names, "intervals": ("1s",), "horizon": 5,
        "thresholds": Thresholds(long=1e-3, short=-1e-3), "sha256": sha256_of(graph), "numerics": host_fingerprint(),
        "deadline_ms": DEADLINE_MS,
    }  # fmt: skip
    golden = golden_rows(ModelManifest(**{**values, **manifest}), graph)  # type: ignore[arg-type]
    made = ModelManifest(**{**values, **manifest, "golden_sha256": sha256_of(golden)})  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / made.onnx_file, graph)
    write_atomically(folder / made.golden_file, golden)
    return made


def _constant(name: str, value: object) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def _chosen(name: str, bad: object, good: object) -> tuple[Nodes, list[onnx.TensorProto]]:
    """A node that gives ``bad`` where the fault is triggered, else ``good``."""
    return (
        [helper.make_node("Where", ["triggered", f"{name}_bad", f"{name}_good"], [name])],
        [_constant(f"{name}_bad", bad), _constant(f"{name}_good", good)],
    )


def _loop(turns: int) -> tuple[Nodes, list[onnx.TensorProto]]:
    nodes, values = _chosen("turns", np.int64(turns), np.int64(0))
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["still"]),
            helper.make_node("Sin", ["before"], ["after"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [None]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [None]),
        ],
    )
    return [*nodes, helper.make_node("Loop", ["turns", "", "sum"], ["score"], body=body)], values


def _raise() -> tuple[Nodes, list[onnx.TensorProto]]:
    nodes, values = _chosen("place", np.int64(1_000_000), np.int64(0))
    return (
        [
            *nodes,
            helper.make_node("Gather", ["nothing", "place"], ["nil"]),
            helper.make_node("Add", ["sum", "nil"], ["score"]),
        ],
        [*values, _constant("nothing", np.zeros(1, dtype=np.float32))],
    )


def _nan() -> tuple[Nodes, list[onnx.TensorProto]]:
    nodes, values = _chosen("odd", np.float32(-1), np.float32(1))
    return (
        [
            *nodes,
            helper.make_node("Log", ["odd"], ["logarithm"]),
            helper.make_node("Add", ["sum", "logarithm"], ["score"]),
        ],
        values,
    )


def _shape() -> tuple[Nodes, list[onnx.TensorProto]]:
    nodes, values = _chosen("end", np.array([7], dtype=np.int64), np.array([2**31], dtype=np.int64))
    return (
        [*nodes, helper.make_node("Slice", ["sum", "begin", "end"], ["score"])],
        [*values, _constant("begin", np.array([0], dtype=np.int64))],
    )


def _memory() -> tuple[Nodes, list[onnx.TensorProto]]:
    nodes, values = _chosen("size", np.array([2**32], dtype=np.int64), np.array([1], dtype=np.int64))
    return (
        [
            *nodes,
            helper.make_node("Expand", ["nothing", "size"], ["many"]),
            helper.make_node("ReduceMax", ["many"], ["nil"], keepdims=0),
            helper.make_node("Add", ["sum", "nil"], ["score"]),
        ],
        [*values, _constant("nothing", np.zeros(1, dtype=np.float32))],
    )
