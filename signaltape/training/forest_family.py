"""Random forests (scikit-learn): trees over resampled rows, averaged; and the same trees as one ONNX operator."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.ensemble import Ensemble
from signaltape.training.fitted import JOBLIB_FILE, Fitted, joblib_bytes, log_odds
from signaltape.training.graph import PREDICTED, GraphPart
from signaltape.training.preparation import imputed
from signaltape.training.task import Task

DEFAULTS: Mapping[str, float] = {
    "trees": 100,
    "depth": 6,
    "rows_per_leaf": 50,
    "feature_fraction": 0.4,
    "row_fraction": 0.5,
}


def fit(task: Task) -> Fitted:
    """Fit trees to float32 rows; a missing value counts as the column's median of the training rows."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    forest = _forest(task)
    model = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), forest)
    model.fit(task.x, task.y)
    trees = [one.tree_ for one in forest.estimators_]

    def predict(rows: F4Array) -> F8Array:
        if task.classes:
            return log_odds(np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64))
        return np.asarray(model.predict(rows), dtype=np.float64)

    part = GraphPart()
    filled = imputed(part, model.steps[0][1].statistics_)
    _ensemble(trees, task.classes).append_to(part, filled, "chance" if task.classes else PREDICTED)
    if task.classes:
        part.log_odds("chance", PREDICTED)
    return Fitted(
        predict=predict,
        part=part,
        files={JOBLIB_FILE: joblib_bytes(model)},
        importance=_importance(trees, task.x.shape[1]),
    )


def _forest(task: Task) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if task.classes else RandomForestRegressor
    return kind(
        n_estimators=task.whole("trees"),
        max_depth=task.whole("depth"),
        min_samples_leaf=task.whole("rows_per_leaf"),
        max_features=float(task.parameters["feature_fraction"]),
        max_samples=float(task.parameters["row_fraction"]),
        random_state=task.seed,
        n_jobs=1,
    )


def _ensemble(trees: list[Any], classes: bool) -> Ensemble:
    """A leaf's value is its mean return or its share of ups, divided by the number of trees."""
    ensemble = Ensemble()
    for number, tree in enumerate(trees):
        value = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) if classes else tree.value[:, 0, 0]
        for place in range(tree.node_count):
            left, right = int(tree.children_left[place]), int(tree.children_right[place])
            if left < 0:
                ensemble.leaf(number, place, float(value[place]) / len(trees))
                continue
            ensemble.split(
                number,
                place,
                feature=int(tree.feature[place]),
                threshold=float(tree.threshold[place]),
                children=(left, right),
                missing_left=False,  # none is missing: they are imputed before
            )
    return ensemble


def _importance(trees: list[Any], width: int) -> dict[str, F8Array]:
    """How many splits use a column, and how much impurity they take away (Breiman 2001), summed over the trees."""
    split, gain = np.zeros(width), np.zeros(width)
    for tree in trees:
        split += np.bincount(tree.feature[tree.feature >= 0], minlength=width)
        gain += tree.compute_feature_importances(normalize=False)
    return {"split": split, "gain": gain}
