"""What fitting a family gives."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.fields import F8Array
from signaltape.training.dataset import F4Array
from signaltape.training.graph import GraphPart

#: Native forms, kept beside the ONNX file for people and never loaded at run time.
JOBLIB_FILE, TEXT_FILE, JSON_FILE = "native.joblib", "native.txt", "native.json"
_SMALLEST_CHANCE = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """A fitted model in two forms that must agree.

    ``predict``: the library's own arithmetic, float32 (n, features) → float64 (n,): the scaled return, or for classes
    the log odds of "up". ``part``: the same as a graph. ``files``: the native form, by file name. ``importance``: what
    the fit itself says of each column, by kind (split, gain), float64 (features,) each; empty where it says nothing.
    """

    predict: Callable[[F4Array], F8Array]
    part: GraphPart
    files: Mapping[str, bytes] = field(default_factory=dict)
    importance: Mapping[str, F8Array] = field(default_factory=dict)


def joblib_bytes(model: Any) -> bytes:
    """A scikit-learn model as `joblib.load` takes it, with the library versions that the manifest records."""
    import joblib

    stream = io.BytesIO()
    joblib.dump(model, stream, compress=3)
    return stream.getvalue()


def log_odds(chance: F8Array) -> F8Array:
    """ln(p / (1 - p)) of probabilities, float64 (n,), held within ±20.7 so that it stays finite."""
    bounded = np.clip(chance, _SMALLEST_CHANCE, 1.0 - _SMALLEST_CHANCE)
    return np.asarray(np.log(bounded / (1.0 - bounded)), dtype=np.float64)
