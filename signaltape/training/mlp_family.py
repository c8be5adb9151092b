"""Multi-layer perceptrons (scikit-learn) over prepared features."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.fitted import JOBLIB_FILE, Fitted, joblib_bytes, log_odds
from signaltape.training.graph import PREDICTED, GraphPart
from signaltape.training.preparation import prepared, preparing_steps
from signaltape.training.task import Task

#: ``layers`` hidden ones of ``units`` each; ``penalty`` is L2; ``epochs`` are all run: stopping early would need rows.
DEFAULTS: Mapping[str, float] = {
    "units": 16,
    "layers": 2,
    "epochs": 15,
    "batch": 256,
    "learning_rate": 0.001,
    "penalty": 1.0,
    "clip": 5.0,
}


def fit(task: Task) -> Fitted:
    """Fit median imputation, standardisation, clipping and a network with rectified linear units (Adam)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    clip = float(task.parameters["clip"])
    network = _network(task)
    model = make_pipeline(*preparing_steps(clip), network)
    with threadpool_limits(1), warnings.catch_warnings():  # threads decide the order of additions, and so the bits
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen, not found
        model.fit(task.x.astype(np.float64), task.y)

    def predict(rows: F4Array) -> F8Array:
        with threadpool_limits(1):
            if task.classes:
                return log_odds(np.asarray(model.predict_proba(rows.astype(np.float64))[:, 1], dtype=np.float64))
            return np.asarray(model.predict(rows.astype(np.float64)), dtype=np.float64)

    return Fitted(predict=predict, part=_part(model, clip), files={JOBLIB_FILE: joblib_bytes(model)})


def _network(task: Task) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPClassifier if task.classes else MLPRegressor
    epochs = task.whole("epochs")
    return kind(
        hidden_layer_sizes=(task.whole("units"),) * task.whole("layers"),
        activation="relu",
        solver="adam",
        alpha=float(task.parameters["penalty"]),
        batch_size=min(task.whole("batch"), len(task.y)),
        learning_rate_init=float(task.parameters["learning_rate"]),
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=task.seed,
    )


def _part(model: Any, clip: float) -> GraphPart:
    imputer, scaler, _, network = (step for _, step in model.steps)
    part = GraphPart()
    source = prepared(part, imputer, scaler, clip)
    last = len(network.coefs_) - 1
    for number, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        part.add("MatMul", [source, part.constant(f"weights_{number}", weights)], f"product_{number}")
        output = PREDICTED if number == last else f"sum_{number}"
        part.add("Add", [f"product_{number}", part.constant(f"bias_{number}", bias)], output)
        if number < last:
            part.add("Relu", [output], f"layer_{number}")
            source = f"layer_{number}"
    return part
