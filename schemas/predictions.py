"""Messages of ``predictions``: the record of every model call, the router's state, statistics of features."""

from dataclasses import dataclass
from typing import ClassVar

from schemas.fields import F8Array, I8Array, U1Array, Wire, column
from schemas.link import Position

#: Roles of a model for a batch: ``live`` and ``arm`` (of an experiment) make signals, each for its own rows.
ROLES = ("live", "shadow", "arm")
SERVING_ROLES = ("live", "arm")
#: Column ``status``: where a row's score came from (index = code).
STATUSES = ("ok", "fallback", "default", "skipped")
#: Column ``direction``: what the score means under the thresholds (index = code).
DIRECTIONS = ("flat", "long", "short")
#: Column ``outcome``: what the router did with the row (index = code).
OUTCOMES = ("none", "emitted", "suppressed", "merged", "filtered", "unchanged", "paused")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PredictionBatch:
    """One model call over n ≥ 0 rows of one FeatureBatch, and what the router decided for each row.

    ``score`` is the expected log return over the horizon, ``confidence`` the calibrated probability that its sign
    is right (0 for a fallback). ``status``, ``direction`` and ``outcome`` are codes into the tables of this module;
    a shadow's outcome is ``none``. ``model_latency`` is the call's wall time in ns (not a function of the log).
    ``source_position`` is the chain position of the FeatureBatch that was scored. ``deadline_missed`` and
    ``breaker_open`` record what a replay can't derive; ``numerics`` is the fingerprint of the arithmetic that scored.
    ``shadows`` names, as ``name:version``, the models that are to predict these rows as shadows; ``experiment`` the
    experiment that assigned these rows to this model. None where there is none, and in a shadow's record.
    """

    TYPE: ClassVar[str] = "PredictionBatch"

    source_partition: int
    source_position: Position
    strategy: str
    model: str
    model_version: int
    model_sha256: str
    role: str
    feature_set: str
    set_version: int
    set_hash: str
    interval: str
    horizon: int
    event_time: int
    model_latency: int
    deadline_missed: bool
    breaker_open: bool
    symbols: tuple[str, ...]
    score: F8Array = column(Wire.F8)
    confidence: F8Array = column(Wire.F8)
    status: U1Array = column(Wire.U1)
    direction: U1Array = column(Wire.U1)
    outcome: U1Array = column(Wire.U1)
    numerics: str | None = None
    shadows: tuple[str, ...] | None = None
    experiment: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterSnapshot:
    """Router state of one partition after the chain position ``fence``; the next owner starts from it."""

    TYPE: ClassVar[str] = "RouterSnapshot"

    source_partition: int
    fence: Position
    event_time: int
    seq: int
    state_version: int
    state: bytes


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureStats:
    """Fixed-bin counts and moments of each feature of a set over one session day, on one partition.

    ``edges`` has shape (features, bins - 1); the outer bins are open. ``counts`` has shape (features, bins).
    ``n``, ``mean`` and ``m2`` (sum of squared deviations) are over the valid values.
    """

    TYPE: ClassVar[str] = "FeatureStats"

    source_partition: int
    feature_set: str
    set_version: int
    interval: str
    session: int
    features: tuple[str, ...]
    bins: int
    inner: int
    edges: F8Array = column(Wire.F8X, rows="features", width="inner")
    counts: I8Array = column(Wire.I8X, rows="features", width="bins")
    n: I8Array = column(Wire.I8, rows="features")
    mean: F8Array = column(Wire.F8, rows="features")
    m2: F8Array = column(Wire.F8, rows="features")
