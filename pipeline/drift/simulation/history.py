"""A model's sessions as a policy sees them, held as arrays so that many policies can be asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.drift.day import FeatureDay, SeriesDay
from pipeline.drift.training_reference import TrainingReference
from schemas.fields import BoolArray, F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureHistory:
    """``values``: metric → (sessions, features); ``known`` likewise; ``shape``, ``shape_known`` (…, features, 3)."""

    names: tuple[str, ...]
    values: Mapping[str, F8Array]
    known: BoolArray
    shape: F8Array
    shape_known: BoolArray


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class History:
    """``sessions`` (n,), ascending; on those not ``open`` (n,) there was nothing. ``values``: metric → (n,), NaN where
    there was too little data; ``score_shape``, ``score_known`` (n, 3); ``features`` None where none were kept.
    """

    reference: TrainingReference
    sessions: I8Array
    open: BoolArray
    predicted: BoolArray
    values: Mapping[str, F8Array]
    score_shape: F8Array
    score_known: BoolArray
    features: FeatureHistory | None

    def days(self, start: int = 0) -> Iterator[SeriesDay]:
        """Sessions with data, from the ``start``-th on."""
        metrics = list(self.values)
        table = np.stack([self.values[name] for name in metrics], axis=1)
        finite = np.isfinite(table)
        for at in (np.flatnonzero(self.open[start:]) + start).tolist():
            row, has = table[at].tolist(), finite[at].tolist()
            yield SeriesDay(
                session=int(self.sessions[at]),
                values={name: value for name, value, there in zip(metrics, row, has, strict=True) if there},
                predicted=bool(self.predicted[at]),
                score_shape=self.score_shape[at][None, :],
                score_known=self.score_known[at][None, :],
                features=self._features(at),
            )

    def _features(self, at: int) -> FeatureDay | None:
        features = self.features
        if features is None:
            return None
        return FeatureDay(
            names=features.names,
            values={name: table[at] for name, table in features.values.items()},
            known=features.known[at],
            shape=features.shape[at],
            shape_known=features.shape_known[at],
        )
