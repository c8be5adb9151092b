"""What fitting a family gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.graph import GraphPart


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """A fitted model in two forms that must agree.

    ``predict``: the library's own arithmetic, float32 (n, features) → float64 (n,). ``part``: the same as a graph.
    ``files``: the native form, by file name, kept beside the ONNX file.
    """

    predict: Callable[[F4Array], F8Array]
    part: GraphPart
    files: Mapping[str, bytes] = field(default_factory=dict)
