"""Registered models without deadline or breaker: for whoever computes again what was answered in time."""

from infra.errors import OperatorError
from infra.scoring.errors import ScoringFault
from infra.scoring.manifest import ModelManifest
from infra.scoring.port import Registry
from infra.scoring.scorer import Scorer
from pipeline.deployments import ModelRef
from pipeline.routing.model_port import Answer, ModelTerms, ModelUnavailable
from schemas.features import FeatureBatch


class UntimedModels:
    """A model port: every model is loaded once, its files checked, and answers however long it takes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._loaded: dict[ModelRef, tuple[ModelManifest, Scorer]] = {}

    def terms(self, ref: ModelRef) -> ModelTerms:
        """Return a model's terms. Raises ``ModelUnavailable``."""
        return self.manifest(ref).terms()

    def manifest(self, ref: ModelRef) -> ModelManifest:
        """Return a model's manifest. Raises ``ModelUnavailable``."""
        if ref not in self._loaded:
            try:
                self._loaded[ref] = self._registry.load(ref.name, ref.version)
            except OperatorError as error:
                raise ModelUnavailable(f"model {ref} can't be loaded: {error}") from error
        return self._loaded[ref][0]

    def call(self, ref: ModelRef, batch: FeatureBatch) -> Answer:
        """Score the rows of a batch; no answer where the model gives nothing usable."""
        self.manifest(ref)
        try:
            scores = self._loaded[ref][1].score(batch.values, batch.valid)
        except ScoringFault:
            return Answer(score=None, confidence=None)
        return Answer(score=scores.score, confidence=scores.confidence, elapsed_ns=scores.elapsed_ns)
