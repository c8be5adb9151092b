"""One ONNX graph for a whole model: preprocessing, prediction, scale of the target, calibrated confidence."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper

from signaltape.training.calibration import Calibration

#: A family's part of the graph reads this and ends in this: float32 (n, features) and (n, 1).
INPUT, PREDICTED = "features", "predicted"
_OPSET, _ML_OPSET, _IR = 17, 3, 8


@dataclass(kw_only=True, slots=True)
class GraphPart:
    """Nodes in order and constants by name, from ``INPUT`` to ``PREDICTED`` (in units of the scaled target)."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Append a node."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))

    def constant(self, name: str, values: Any) -> str:
        """Add a float32 constant; returns its name."""
        self.constants[name] = np.asarray(values, dtype=np.float32)
        return name


def score_graph(part: GraphPart, width: int, target_scale: float, calibration: Calibration) -> bytes:
    """Return ONNX bytes: ``features`` float32 (n, width) → ``score`` and ``confidence`` float32 (n,).

    score = target_scale × predicted; confidence = sigmoid(a + b min(|score| / scale, ceiling)). The same arguments
    give the same bytes: nothing of time, place or process is in the graph.
    """
    whole = GraphPart(nodes=list(part.nodes), constants=dict(part.constants))
    whole.constants["flat"] = np.array([-1], dtype=np.int64)
    whole.add("Mul", [PREDICTED, whole.constant("target_scale", target_scale)], "scaled")
    whole.add("Reshape", ["scaled", "flat"], "score")
    whole.add("Abs", ["score"], "size")
    whole.add("Mul", ["size", whole.constant("per_scale", 1.0 / calibration.scale)], "strength")
    whole.add("Min", ["strength", whole.constant("ceiling", calibration.ceiling)], "bounded")
    whole.add("Mul", ["bounded", whole.constant("slope", calibration.slope)], "evidence")
    whole.add("Add", ["evidence", whole.constant("base", calibration.intercept)], "logit")
    whole.add("Sigmoid", ["logit"], "confidence")
    graph = helper.make_graph(
        whole.nodes,
        "signaltape",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("score", "confidence")],
        [numpy_helper.from_array(values, name) for name, values in whole.constants.items()],
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="signaltape")
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
