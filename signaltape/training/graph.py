"""One ONNX graph for a whole model: preprocessing, prediction, scale of the target, calibrated confidence."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper

if TYPE_CHECKING:
    from signaltape.training.heads import Head

#: A family's part of the graph reads this and ends in this: float32 (n, features) and (n, 1).
INPUT, PREDICTED = "features", "predicted"
_OPSET, _ML_OPSET, _IR = 17, 3, 8
_STEP = 2.0**-23


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

    def flatten(self, source: str, output: str) -> None:
        """(n, 1) → (n,)."""
        self.constants["flat"] = np.array([-1], dtype=np.int64)
        self.add("Reshape", [source, "flat"], output)

    def log_odds(self, source: str, output: str) -> None:
        """Probabilities → ln(p / (1 - p)); 0 and 1 are moved in by the smallest step that float32 tells from 1."""
        self.add("Clip", [source, self.constant("least", _STEP), self.constant("most", 1.0 - _STEP)], "inner")
        self.add("Sub", [self.constant("one", 1.0), "inner"], "other")
        self.add("Div", ["inner", "other"], "odds")
        self.add("Log", ["odds"], output)


def score_graph(part: GraphPart, width: int, head: "Head") -> bytes:
    """Return ONNX bytes: ``features`` float32 (n, width) → ``score`` and ``confidence`` float32 (n,).

    ``part`` leads to what the family predicts, ``head`` from there. The same arguments give the same bytes: nothing
    of time, place or process is in the graph.
    """
    whole = GraphPart(nodes=list(part.nodes), constants=dict(part.constants))
    head.append_to(whole)
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
