"""Preprocessing that lies inside the model: imputing, standardising, clipping; once for the fit, once as a graph."""

from typing import Any

import numpy as np

from signaltape.training.graph import INPUT, GraphPart


def preparing_steps(clip: float) -> tuple[Any, ...]:
    """Steps of a scikit-learn pipeline: median of the training rows, unit variance, within ±``clip`` deviations."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    return (
        # A column without any value in a short span is 0 everywhere, instead of gone.
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -clip, "a_max": clip}),
    )


def prepared(part: GraphPart, imputer: Any, scaler: Any, clip: float) -> str:
    """The same as nodes; returns the name of their output, float32 (n, features)."""
    filled = imputed(part, imputer.statistics_)
    part.add("Sub", [filled, part.constant("mean", scaler.mean_)], "centred")
    part.add("Div", ["centred", part.constant("deviation", scaler.scale_)], "standard")
    part.add("Clip", ["standard", part.constant("lowest", -clip), part.constant("highest", clip)], "clipped")
    return "clipped"


def imputed(part: GraphPart, median: Any) -> str:
    """Put ``median``, shape (features,), where a value is undefined; returns the output's name."""
    part.add("IsNaN", [INPUT], "missing")
    part.add("Where", ["missing", part.constant("median", median), INPUT], "filled")
    return "filled"
