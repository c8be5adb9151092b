"""What the core needs of a model: its terms, and an answer within a deadline. The adapter lives outside the core."""

from dataclasses import dataclass
from typing import Protocol

from pipeline.deployments import ModelRef
from pipeline.routing.decision import Thresholds
from schemas.features import FeatureBatch
from schemas.fields import F8Array

#: What answers when the model doesn't.
FALLBACKS = ("last", "default", "skip")


class ModelUnavailable(Exception):
    """A model that should predict can't: it can't be loaded, or it was trained on other features."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTerms:
    """What a model was made for; ``horizon`` in bars, ``fallback`` one of ``FALLBACKS``.

    ``numerics``: fingerprint of the arithmetic of who runs it, None if that is nobody's claim.
    """

    ref: ModelRef
    sha256: str
    feature_set: str
    set_version: int
    set_hash: str
    intervals: tuple[str, ...]
    horizon: int
    thresholds: Thresholds
    fallback: str = "skip"
    default_score: float = 0.0
    numerics: str | None = None

    def concerns(self, batch: FeatureBatch) -> bool:
        """True if the model predicts from this batch's set and interval.

        Raises ``ModelUnavailable`` if set and version agree but the features behind them differ.
        """
        ours = (self.feature_set, self.set_version) == (batch.feature_set, batch.set_version)
        if not ours or batch.interval not in self.intervals:
            return False
        if self.set_hash != batch.set_hash:
            raise ModelUnavailable(
                f"model {self.ref} was trained on {self.feature_set} v{self.set_version} with hash {self.set_hash}, "
                f"but the features carry {batch.set_hash}: train it again, or run the release that it was trained with"
            )
        return True


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answer:
    """One model call: columns of shape (n,), or None where the model gave no answer in time.

    ``elapsed_ns``: wall time of the call. ``breaker_open``: the model wasn't asked, because it kept missing.
    """

    score: F8Array | None
    confidence: F8Array | None
    elapsed_ns: int = 0
    deadline_missed: bool = False
    breaker_open: bool = False


class ModelPort(Protocol):
    """Models by reference; the same object serves live, replay and backtest."""

    def terms(self, ref: ModelRef) -> ModelTerms:
        """Return a model's terms. Raises ``ModelUnavailable``."""
        ...

    def call(self, ref: ModelRef, batch: FeatureBatch) -> Answer:
        """Score the rows of a batch under the model's deadline. Raises ``ModelUnavailable``."""
        ...
