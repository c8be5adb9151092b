"""Ridge and logistic regression over prepared features: the baseline that others have to beat."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.fitted import JSON_FILE, Fitted
from signaltape.training.graph import PREDICTED, GraphPart
from signaltape.training.preparation import prepared, preparing_steps
from signaltape.training.task import Task

#: ``penalty``: ridge penalty per row; ``clip``: largest standardised value of a feature, against outliers.
DEFAULTS: Mapping[str, float] = {"penalty": 0.01, "clip": 5.0}


def fit(task: Task) -> Fitted:
    """Fit median imputation, standardisation, clipping and a linear model; the seed plays no part in it."""
    from sklearn.pipeline import make_pipeline
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    clip = float(task.parameters["clip"])
    model = make_pipeline(*preparing_steps(clip), _regressor(task))
    with threadpool_limits(1):  # the number of threads decides the order of additions, and so the bits
        model.fit(task.x.astype(np.float64), task.y)
    imputer, scaler, _, linear = (step for _, step in model.steps)

    def predict(rows: F4Array) -> F8Array:
        answer = model.decision_function if task.classes else model.predict
        return np.asarray(answer(rows.astype(np.float64)), dtype=np.float64)

    numbers = {
        "median": imputer.statistics_,
        "mean": scaler.mean_,
        "deviation": scaler.scale_,
        "coefficient": np.ravel(linear.coef_),
        "intercept": np.atleast_1d(linear.intercept_),
    }
    native = {"target": task.target, "clip": clip, **{name: values.tolist() for name, values in numbers.items()}}
    part = GraphPart()
    clipped = prepared(part, imputer, scaler, clip)
    part.add("MatMul", [clipped, part.constant("coefficient", numbers["coefficient"].reshape(-1, 1))], "product")
    part.add("Add", ["product", part.constant("intercept", numbers["intercept"])], PREDICTED)
    return Fitted(predict=predict, part=part, files={JSON_FILE: (json.dumps(native) + "\n").encode()})


def _regressor(task: Task) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    penalty = float(task.parameters["penalty"]) * len(task.y)
    if not task.classes:
        return Ridge(alpha=penalty, solver="cholesky")
    # The curvature of the log loss is a quarter of the squared loss's at even odds: so is the penalty.
    return LogisticRegression(C=4.0 / max(penalty, 1e-12), solver="lbfgs", max_iter=1_000, tol=1e-8)
