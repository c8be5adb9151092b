"""Rows that a caller sends, as a model takes them."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.engine_types import LatestVectors
from pipeline.features import FEATURE_SETS
from pipeline.routing.model_port import ModelTerms
from schemas.fields import BoolArray, F8Array
from signaltape.serving.errors import ServingError

#: Values of named features, None where one is undefined.
FeatureValues = Mapping[str, float | None]


def feature_rows(rows: Sequence[FeatureValues], terms: ModelTerms, needed: Sequence[str]) -> LatestVectors:
    """Rows of named values in the columns of the model's set, without bars (times 0).

    Raises ``ServingError`` naming the row's field for a name that the set doesn't have, one of ``needed`` that is
    missing, or a value beyond float32.
    """
    names = FEATURE_SETS[terms.feature_set].names
    given = rows[0].keys()
    if not set(needed) <= given <= set(names) or any(row.keys() != given for row in rows):
        _refuse_names(rows, terms, needed)
        rows = [{name: row.get(name) for name in names} for row in rows]
        given = rows[0].keys()
    # None becomes NaN here, and no NaN was let in.
    table = np.array([[row[name] for name in given] for row in rows], dtype=np.float64)
    for number, column in np.argwhere(beyond_float32(table)).tolist():
        field = f"{_row_name(rows, number)}.{list(given)[column]}"
        raise ServingError("out_of_range", "is beyond what a model can take (float32: 3.4e38)", field)
    values, valid = np.zeros((len(rows), len(names))), np.zeros((len(rows), len(names)), dtype=np.bool_)
    places = [names.index(name) for name in given]
    valid[:, places] = ~np.isnan(table)
    values[:, places] = np.nan_to_num(table)
    none = np.zeros(len(rows), dtype=np.int64)
    return LatestVectors(
        symbols=tuple(f"#{number}" for number in range(len(rows))),
        event_time=none,
        source_offset=none,
        values=values,
        valid=valid,
        close=np.zeros(len(rows)),
        available_time=none,
    )


def _row_name(rows: Sequence[FeatureValues], number: int) -> str:
    return "features" if len(rows) == 1 else f"batch[{number}]"


def beyond_float32(values: F8Array) -> BoolArray:
    """Which values become infinite as the models take them."""
    with np.errstate(over="ignore"):
        return np.isinf(values.astype(np.float32))


def _refuse_names(rows: Sequence[FeatureValues], terms: ModelTerms, needed: Sequence[str]) -> None:
    """Raise ServingError for the first name that is unknown or missing."""
    known = set(FEATURE_SETS[terms.feature_set].names)
    for number, row in enumerate(rows):
        field = _row_name(rows, number)
        for name in row:
            if name not in known:
                what = f"set {terms.feature_set} v{terms.set_version} has no such feature"
                raise ServingError("unknown_feature", what, f"{field}.{name:.140}")
        for name in needed:
            if name not in row:
                what = f"model {terms.ref} needs it; null says that it is undefined"
                raise ServingError("missing_feature", what, f"{field}.{name}")
