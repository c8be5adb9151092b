"""What is known about one series when a session closes: all that a policy looks at."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.fields import BoolArray, F8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureDay:
    """The features of one set on one session, rows in the order of ``names``.

    ``values`` maps a metric (``feature_psi``, ``feature_ks_p``) to an array (features,), NaN where it has no number;
    ``shape`` (features, 3) as in ``pipeline.drift.shape``. ``known`` (features,) and ``shape_known`` (features, 3) say
    where there was enough data.
    """

    names: tuple[str, ...]
    values: Mapping[str, F8Array]
    known: BoolArray
    shape: F8Array
    shape_known: BoolArray


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SeriesDay:
    """One series on one session (days since the Unix epoch).

    ``values``: metrics with enough data by name (``ic``, ``psi``, ``sharpe_5``, ``sharpe_20`` …); what is missing had
    too little. ``predicted``: whether there were predictions. ``score_shape`` is (1, 3) and ``score_known`` likewise.
    """

    session: int
    values: Mapping[str, float]
    predicted: bool = True
    score_shape: F8Array | None = None
    score_known: BoolArray | None = None
    features: FeatureDay | None = None
