"""Ridge regression over imputed, standardised and clipped features: the baseline that others have to beat."""

import json
from collections.abc import Mapping

import numpy as np

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.fitted import Fitted
from signaltape.training.graph import INPUT, PREDICTED, GraphPart

#: ``penalty``: ridge penalty per row; ``clip``: largest standardised value of a feature, against outliers.
DEFAULTS: Mapping[str, float] = {"penalty": 0.01, "clip": 5.0}


def fit(x: F4Array, y: F8Array, parameters: Mapping[str, float], seed: int) -> Fitted:
    """Fit median imputation, standardisation, clipping and ridge; ``seed`` plays no part in a closed form."""
    del seed
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    clip = float(parameters["clip"])
    model = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -clip, "a_max": clip}),
        Ridge(alpha=float(parameters["penalty"]) * len(y), solver="cholesky"),
    )
    with threadpool_limits(1):  # the number of threads decides the order of additions, and so the bits
        model.fit(x.astype(np.float64), y)
    imputer, scaler, _, ridge = (step for _, step in model.steps)

    def predict(rows: F4Array) -> F8Array:
        return np.asarray(model.predict(rows.astype(np.float64)), dtype=np.float64)

    numbers = {
        "median": imputer.statistics_,
        "mean": scaler.mean_,
        "deviation": scaler.scale_,
        "coefficient": ridge.coef_,
        "intercept": np.atleast_1d(ridge.intercept_),
    }
    native = {"clip": clip, **{name: values.tolist() for name, values in numbers.items()}}
    return Fitted(
        predict=predict, part=_part(numbers, clip), files={"native.json": (json.dumps(native) + "\n").encode()}
    )


def _part(numbers: Mapping[str, F8Array], clip: float) -> GraphPart:
    part = GraphPart()
    part.add("IsNaN", [INPUT], "missing")
    part.add("Where", ["missing", part.constant("median", numbers["median"]), INPUT], "filled")
    part.add("Sub", ["filled", part.constant("mean", numbers["mean"])], "centred")
    part.add("Div", ["centred", part.constant("deviation", numbers["deviation"])], "standard")
    part.add("Clip", ["standard", part.constant("lowest", -clip), part.constant("highest", clip)], "clipped")
    weights = part.constant("coefficient", np.reshape(numbers["coefficient"], (-1, 1)))
    part.add("MatMul", ["clipped", weights], "product")
    part.add("Add", ["product", part.constant("intercept", numbers["intercept"])], PREDICTED)
    return part
