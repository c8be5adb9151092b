"""Trees as one ONNX operator."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from signaltape.training.graph import GraphPart

_NODE_COLUMNS = (
    "treeids",
    "nodeids",
    "modes",
    "featureids",
    "values",
    "truenodeids",
    "falsenodeids",
    "missing_value_tracks_true",
)


@dataclass(kw_only=True, slots=True)
class Ensemble:
    """Attributes of ``TreeEnsembleRegressor``: one entry per node, one per leaf. The trees' leaves are added up."""

    nodes: list[Mapping[str, Any]] = field(default_factory=list)
    leaves: list[tuple[int, int, float]] = field(default_factory=list)

    def split(
        self, tree: int, place: int, *, feature: int, threshold: float, children: tuple[int, int], missing_left: bool
    ) -> None:
        """Go left where ``feature`` <= ``threshold``; ``children``: numbers of the left and the right node."""
        self._add(tree, place, "BRANCH_LEQ", (feature, float32_threshold(threshold)), (*children, int(missing_left)))

    def leaf(self, tree: int, place: int, value: float) -> None:
        """A node without children."""
        self._add(tree, place, "LEAF", (0, 0.0), (0, 0, 0))
        self.leaves.append((tree, place, value))

    def append_to(self, part: GraphPart, source: str, output: str) -> None:
        """Add the operator to a graph: ``source`` float32 (n, features) → ``output`` float32 (n, 1)."""
        trees, places, weights = zip(*self.leaves, strict=True)
        part.add(
            "TreeEnsembleRegressor",
            [source],
            output,
            domain="ai.onnx.ml",
            n_targets=1,
            aggregate_function="SUM",
            post_transform="NONE",
            **{f"nodes_{name}": [node[name] for node in self.nodes] for name in _NODE_COLUMNS},
            target_treeids=list(trees),
            target_nodeids=list(places),
            target_ids=[0] * len(places),
            target_weights=list(weights),
        )

    def _add(self, tree: int, place: int, mode: str, test: tuple[int, float], follows: Iterable[int]) -> None:
        values = (tree, place, mode, *test, *follows)
        self.nodes.append(dict(zip(_NODE_COLUMNS, values, strict=True)))


def float32_threshold(threshold: float) -> float:
    """Largest float32 that is not above ``threshold``.

    For every float32 x, x <= threshold holds exactly if x <= this. Rounding to nearest instead can land on the
    value that a split was meant to keep out, and send its rows the other way.

    >>> float32_threshold(0.5), float32_threshold(0.1) <= 0.1
    (0.5, True)
    """
    near = np.float32(threshold)
    if float(near) > threshold:
        near = np.nextafter(near, np.float32(-np.inf), dtype=np.float32)
    return float(near)
