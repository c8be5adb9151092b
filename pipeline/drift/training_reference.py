"""What a model's drift is judged against: figures of its training and held-out rows, of fixed size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.drift.bands import Bands, bands_of
from pipeline.drift.population_stability import Reference
from pipeline.drift.results import Insufficient
from pipeline.drift.shape import shapes
from schemas.fields import BoolArray, F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureReference:
    """Distribution of each feature of a set: ``counts`` (features, bins) over ``feature_stats.EDGES``, and bands."""

    feature_set: str
    set_version: int
    names: tuple[str, ...]
    counts: I8Array
    bands: Bands | Insufficient


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingReference:
    """Held-out daily IC (mean ``ic`` and standard deviation ``ic_scale`` over sessions), ``hit_rate``, bands.

    ``sketch``: counts of the training scores. ``overlap``: sessions after which two daily ICs share no label; 1 where
    each session's labels end in it. None where the training data had too little for it: what needs it is then
    insufficient, never fine.
    """

    ic: float | None = None
    ic_scale: float | None = None
    hit_rate: float | None = None
    overlap: int = 1
    sketch: Reference | None = None
    score: Bands | Insufficient | None = None
    features: FeatureReference | None = None

    def __post_init__(self) -> None:
        if self.overlap < 1:
            raise ValueError(f"overlap {self.overlap}: at least 1 session")
        if self.ic_scale is not None and not self.ic_scale > 0:
            raise ValueError(f"ic_scale {self.ic_scale}: above 0")

    def gaps(self) -> tuple[str, ...]:
        """What can't be watched for want of a reference, in words: silence about it is no statement that all is well.

        >>> TrainingReference(ic=-0.01, ic_scale=0.1, score=Insufficient(n=3, minimum=20, reason="few sessions")).gaps()
        ('ic: not above 0 on held-out rows', 'score: few sessions', 'features: none')
        """
        found = []
        if self.ic is None or self.ic_scale is None:
            found.append("ic: too little held-out data")
        elif self.ic <= 0:
            found.append("ic: not above 0 on held-out rows")
        if self.sketch is None and self.score is None:
            found.append("score: none")
        elif not isinstance(self.score, Bands):
            found.append(f"score: {self.score.reason if self.score else 'no bands'}")
        if self.features is None:
            return (*found, "features: none")
        bands = self.features.bands
        if isinstance(bands, Insufficient):
            return (*found, f"features: {bands.reason}")
        few = [name for name, one in zip(self.features.names, bands.unwatched.tolist(), strict=True) if one]
        return (*found, f"too few sessions of features: {', '.join(few)}") if few else tuple(found)


def overlap_of(horizon: int, bars_per_session: float) -> int:
    """Sessions from a daily IC to the next that shares no label with it.

    A session's IC looks at labels whose windows of ``horizon`` bars end in it.

    >>> overlap_of(1, 1), overlap_of(20, 1), overlap_of(20, 390), overlap_of(1, 390)
    (1, 20, 2, 1)
    """
    return 1 + int(-(-(horizon - 1) // max(bars_per_session, 1.0)))


def session_shapes(reference: I8Array, sessions: I8Array, *, minimum: int) -> tuple[F8Array, BoolArray]:
    """Shapes (sessions, rows, 3) of consecutive sessions' counts (sessions, rows, bins), and which are known."""
    found = [
        shapes(reference, counts, sessions[at - 1] if at else None, minimum=minimum)
        for at, counts in enumerate(sessions)
    ]
    return np.stack([values for values, _ in found]), np.stack([known for _, known in found])


def reference_bands(reference: I8Array, sessions: I8Array, *, minimum: int, inflation: float) -> Bands | Insufficient:
    """Bands of consecutive sessions' counts (sessions, rows, bins) against the whole sample's, (rows, bins)."""
    if not len(sessions):
        return Insufficient(n=0, minimum=1, reason="the reference has no session")
    return bands_of(*session_shapes(reference, sessions, minimum=minimum), inflation=inflation)


def to_plain(reference: TrainingReference) -> dict[str, Any]:
    """JSON form of a reference, without the sketch where it has none."""
    features, sketch = reference.features, reference.sketch
    known = {} if sketch is None else {"sketch": {"edges": list(sketch.edges), "counts": list(sketch.counts)}}
    return {
        **known,
        "ic": reference.ic,
        "ic_scale": reference.ic_scale,
        "hit_rate": reference.hit_rate,
        "overlap": reference.overlap,
        "score": _bands_to(reference.score),
        "features": None if features is None else {
            "set": features.feature_set, "set_version": features.set_version, "names": list(features.names),
            "counts": features.counts.tolist(), "bands": _bands_to(features.bands),
        },
    }  # fmt: skip


def from_plain(data: Mapping[str, Any]) -> TrainingReference:
    """Inverse of ``to_plain``; raises ValueError, KeyError or TypeError for anything else."""
    features, sketch = data["features"], data.get("sketch")
    return TrainingReference(
        sketch=None
        if sketch is None
        else Reference(edges=tuple(map(float, sketch["edges"])), counts=tuple(map(int, sketch["counts"]))),
        ic=data["ic"],
        ic_scale=data["ic_scale"],
        hit_rate=data["hit_rate"],
        overlap=data["overlap"],
        score=_bands_from(data["score"], rows=1),
        features=None if features is None else _features_from(features),
    )


def _features_from(data: Mapping[str, Any]) -> FeatureReference:
    names = tuple(map(str, data["names"]))
    counts = np.array(data["counts"], np.int64)
    if counts.ndim != 2 or len(counts) != len(names) or (counts < 0).any():
        raise ValueError(f"counts of shape {counts.shape} for {len(names)} features")
    bands = _bands_from(data["bands"], rows=len(names))
    if bands is None:
        raise ValueError("features without bands")
    return FeatureReference(
        feature_set=data["set"], set_version=data["set_version"], names=names, counts=counts, bands=bands
    )


def _bands_to(bands: Bands | Insufficient | None) -> dict[str, Any] | None:
    match bands:
        case None:
            return None
        case Insufficient():
            return {"n": bands.n, "minimum": bands.minimum, "reason": bands.reason}
        case Bands():
            columns = {name: getattr(bands, name).tolist() for name in ("low", "high", "scale")}
            return {"sessions": bands.sessions, **columns}


def _bands_from(data: Mapping[str, Any] | None, *, rows: int) -> Bands | Insufficient | None:
    if data is None:
        return None
    if "reason" in data:
        return Insufficient(n=data["n"], minimum=data["minimum"], reason=data["reason"])
    low, high, scale = (np.array(data[name], np.float64) for name in ("low", "high", "scale"))
    if not low.shape == high.shape == scale.shape == (rows, 3) or not (scale > 0).all():
        raise ValueError(f"bands of shapes {low.shape}, {high.shape}, {scale.shape} for {rows} rows")
    return Bands(low=low, high=high, scale=scale, sessions=int(data["sessions"]))
