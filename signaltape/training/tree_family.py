"""Gradient-boosted trees (LightGBM), and the same trees as one ONNX operator."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.errors import TrainingError
from signaltape.training.fitted import Fitted
from signaltape.training.graph import INPUT, PREDICTED, GraphPart

DEFAULTS: Mapping[str, float] = {
    "trees": 100,
    "leaves": 15,
    "learning_rate": 0.03,
    "rows_per_leaf": 100,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "lambda_l2": 10.0,
}


def fit(x: F4Array, y: F8Array, parameters: Mapping[str, float], seed: int) -> Fitted:
    """Fit trees to float32 rows, which is what they will see; missing values go where training found it best."""
    import lightgbm

    settings = {
        "objective": "regression",
        "num_leaves": int(parameters["leaves"]),
        "learning_rate": float(parameters["learning_rate"]),
        "min_data_in_leaf": int(parameters["rows_per_leaf"]),
        "feature_fraction": float(parameters["feature_fraction"]),
        "bagging_fraction": float(parameters["bagging_fraction"]),
        "bagging_freq": 1,
        "lambda_l2": float(parameters["lambda_l2"]),
        "seed": seed,
        # One thread, one way to build histograms: the same rows give the same trees everywhere.
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    trees = int(parameters["trees"])
    booster = lightgbm.train(settings, lightgbm.Dataset(x, label=y, free_raw_data=True), num_boost_round=trees)

    def predict(rows: F4Array) -> F8Array:
        return np.asarray(booster.predict(rows, num_threads=1), dtype=np.float64)

    text = booster.model_to_string()
    return Fitted(predict=predict, part=_part(booster.dump_model()), files={"native.txt": text.encode()})


@dataclass(kw_only=True, slots=True)
class _Ensemble:
    """Attributes of ``TreeEnsembleRegressor``: one entry per node, one per leaf."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    leaves: list[tuple[int, int, float]] = field(default_factory=list)

    def attributes(self) -> dict[str, list[Any]]:
        """Columns as the operator takes them."""
        found: dict[str, list[Any]] = {
            f"nodes_{name}": [node[name] for node in self.nodes]
            for name in (
                "treeids",
                "nodeids",
                "modes",
                "featureids",
                "values",
                "truenodeids",
                "falsenodeids",
                "missing_value_tracks_true",
            )
        }
        trees, places, weights = zip(*self.leaves, strict=True)
        return {
            **found,
            "target_treeids": list(trees),
            "target_nodeids": list(places),
            "target_ids": [0] * len(places),
            "target_weights": list(weights),
        }


def _part(dump: Mapping[str, Any]) -> GraphPart:
    ensemble = _Ensemble()
    for number, tree in enumerate(dump["tree_info"]):
        for place, node, children in _walk(tree["tree_structure"]):
            _add(ensemble, number, place, node, children)
    part = GraphPart()
    part.add(
        "TreeEnsembleRegressor",
        [INPUT],
        PREDICTED,
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        **ensemble.attributes(),
    )
    return part


def _walk(root: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any], tuple[int, int]]]:
    """Yield (number, node, numbers of its children) of a tree, parents first; leaves have no children (0, 0)."""
    waiting, used = [(0, root)], 1
    while waiting:
        place, node = waiting.pop()
        children = (0, 0)
        if "split_index" in node:
            children = (used, used + 1)
            used += 2
            waiting += [(children[0], node["left_child"]), (children[1], node["right_child"])]
        yield place, node, children


def _add(ensemble: _Ensemble, tree: int, place: int, node: Mapping[str, Any], children: tuple[int, int]) -> None:
    inner = "split_index" in node
    if inner and node["decision_type"] != "<=":
        raise TrainingError(f"a tree splits by {node['decision_type']!r}; only numeric splits can become ONNX")
    ensemble.nodes.append(
        {
            "treeids": tree,
            "nodeids": place,
            "modes": "BRANCH_LEQ" if inner else "LEAF",
            "featureids": int(node["split_feature"]) if inner else 0,
            "values": float32_threshold(float(node["threshold"])) if inner else 0.0,
            "truenodeids": children[0],
            "falsenodeids": children[1],
            "missing_value_tracks_true": int(_missing_goes_left(node)) if inner else 0,
        }
    )
    if not inner:
        ensemble.leaves.append((tree, place, float(node["leaf_value"])))


def _missing_goes_left(node: Mapping[str, Any]) -> bool:
    """LightGBM: a column without missing values in training reads a missing one as 0."""
    if node["missing_type"] == "NaN":
        return bool(node["default_left"])
    return float(node["threshold"]) >= 0.0


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
