"""Gradient-boosted trees (LightGBM), and the same trees as one ONNX operator."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.ensemble import Ensemble
from signaltape.training.errors import TrainingError
from signaltape.training.fitted import TEXT_FILE, Fitted
from signaltape.training.graph import INPUT, PREDICTED, GraphPart
from signaltape.training.task import Task

DEFAULTS: Mapping[str, float] = {
    "trees": 100,
    "leaves": 15,
    "learning_rate": 0.03,
    "rows_per_leaf": 100,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "lambda_l2": 10.0,
}


def fit(task: Task) -> Fitted:
    """Fit trees to float32 rows, which is what they will see; missing values go where training found it best."""
    import lightgbm

    settings = {
        "objective": "binary" if task.classes else "regression",
        "num_leaves": task.whole("leaves"),
        "learning_rate": float(task.parameters["learning_rate"]),
        "min_data_in_leaf": task.whole("rows_per_leaf"),
        "feature_fraction": float(task.parameters["feature_fraction"]),
        "bagging_fraction": float(task.parameters["bagging_fraction"]),
        "bagging_freq": 1,
        "lambda_l2": float(task.parameters["lambda_l2"]),
        "seed": task.seed,
        # One thread, one way to build histograms: the same rows give the same trees everywhere.
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    rows = lightgbm.Dataset(task.x, label=task.y, free_raw_data=True)
    booster = lightgbm.train(settings, rows, num_boost_round=task.whole("trees"))

    def predict(rows: F4Array) -> F8Array:
        # Raw: for classes the log odds, for returns the same as the prediction.
        return np.asarray(booster.predict(rows, num_threads=1, raw_score=True), dtype=np.float64)

    return Fitted(
        predict=predict,
        part=_part(booster.dump_model()),
        files={TEXT_FILE: booster.model_to_string().encode()},
        importance={kind: np.asarray(booster.feature_importance(kind), dtype=np.float64) for kind in ("split", "gain")},
    )


def _part(dump: Mapping[str, Any]) -> GraphPart:
    ensemble = Ensemble()
    for number, tree in enumerate(dump["tree_info"]):
        for place, node, children in _walk(tree["tree_structure"]):
            _add(ensemble, (number, place), node, children)
    part = GraphPart()
    ensemble.append_to(part, INPUT, PREDICTED)
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


def _add(ensemble: Ensemble, at: tuple[int, int], node: Mapping[str, Any], children: tuple[int, int]) -> None:
    if "split_index" not in node:
        ensemble.leaf(*at, float(node["leaf_value"]))
        return
    if node["decision_type"] != "<=":
        raise TrainingError(f"a tree splits by {node['decision_type']!r}; only numeric splits can become ONNX")
    ensemble.split(
        *at,
        feature=int(node["split_feature"]),
        threshold=float(node["threshold"]),
        children=children,
        missing_left=_missing_goes_left(node),
    )


def _missing_goes_left(node: Mapping[str, Any]) -> bool:
    """LightGBM: a column without missing values in training reads a missing one as 0."""
    if node["missing_type"] == "NaN":
        return bool(node["default_left"])
    return float(node["threshold"]) >= 0.0
