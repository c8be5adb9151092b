"""Sessions of a series rebuilt from its stored metrics: what a policy saw, and what another one would have seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.drift.day import FeatureDay, SeriesDay
from pipeline.drift.shape import shapes
from pipeline.drift.training_reference import TrainingReference
from schemas.fields import BoolArray, F8Array, I8Array


@dataclass(kw_only=True, slots=True)
class StoredDay:
    """``values``: metrics of the series by name; ``scores``: counts over the reference's bins, None where too few;
    ``features``: of each feature by name its PSI and the detail that was stored with it.
    """

    values: dict[str, float] = field(default_factory=dict)
    scores: I8Array | None = None
    predicted: bool = False
    features: dict[str, tuple[float, Mapping[str, Any]]] = field(default_factory=dict)


def rebuilt(reference: TrainingReference, days: Mapping[int, StoredDay], *, minimum: int) -> Sequence[SeriesDay]:
    """Sessions in order. A score's shape is computed anew from its counts, a feature's was stored."""
    before: I8Array | None = None
    result = []
    for session, day in sorted(days.items()):
        shape, known = _score(reference, day.scores, before, minimum=minimum)
        before = before if day.scores is None else day.scores
        result.append(
            SeriesDay(
                session=session,
                values=day.values,
                predicted=day.predicted,
                score_shape=shape,
                score_known=known,
                features=_features(reference, day.features) if day.features else None,
            )
        )
    return result


def _score(
    reference: TrainingReference, counts: I8Array | None, before: I8Array | None, *, minimum: int
) -> tuple[F8Array | None, BoolArray | None]:
    sketch = reference.sketch
    if counts is None or sketch is None or len(counts) != len(sketch.counts):
        return None, None
    earlier = before[None, :] if before is not None and len(before) == len(counts) else None
    return shapes(np.array(sketch.counts, np.int64), counts[None, :], earlier, minimum=minimum)


def _features(reference: TrainingReference, stored: Mapping[str, tuple[float, Mapping[str, Any]]]) -> FeatureDay | None:
    if reference.features is None:
        return None
    names = reference.features.names
    rows = [stored.get(name) for name in names]
    shape = np.full((len(names), 3), np.nan)
    psi, p = np.zeros(len(names)), np.full(len(names), np.nan)
    for at, row in enumerate(rows):
        if row is not None:
            psi[at], detail = row
            kept, own = detail.get("shape"), detail.get("ks_p")
            shape[at] = [math.nan if one is None else one for one in kept or [None] * 3]
            p[at] = math.nan if own is None else own
    known = np.isfinite(shape)
    return FeatureDay(
        names=names,
        values={"feature_psi": psi, "feature_ks_p": p},
        known=np.array([row is not None for row in rows]),
        shape=np.where(known, shape, 0.0),
        shape_known=known,
    )
