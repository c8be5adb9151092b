"""Loaded models: checked once, warm, guarded, several versions side by side."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from consumers.inference.guarded import GuardedModel
from consumers.inference.workers import Workers
from infra.errors import OperatorError
from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import Scorer
from infra.service_settings import InferenceSettings
from infra.telemetry.logs import get_logger
from pipeline.deployments import ModelRef
from pipeline.routing.model_port import Answer, ModelTerms, ModelUnavailable
from schemas.features import FeatureBatch


class Registry(Protocol):
    """Where models come from."""

    def load(self, name: str, version: int) -> tuple[ModelManifest, Scorer]:
        """Return a model, its files checked. Raises ``OperatorError``."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Failed:
    reason: str
    again_at: float


class LoadedModels:
    """The models of this process, loaded when first needed (or earlier, by ``prepare``) and kept.

    A model that can't be loaded is tried again after ``retry_s``; until then asking for it fails at once.
    """

    def __init__(
        self, registry: Registry, settings: InferenceSettings, clock: Callable[[], float] = time.monotonic,
        workers: Workers | None = None,
    ) -> None:  # fmt: skip
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._workers = workers or Workers()
        self._loaded: dict[ModelRef, GuardedModel] = {}
        self._failed: dict[ModelRef, _Failed] = {}

    def prepare(self, ref: ModelRef, *, again: bool = False) -> str:
        """Load a model beside the others; returns "" or the reason why it can't be.

        ``again``: one that just failed is tried at once. May be called from another thread than the rest.
        """
        if again:
            self._failed.pop(ref, None)
        try:
            self._get(ref)
        except ModelUnavailable as error:
            return str(error)
        return ""

    def terms(self, ref: ModelRef) -> ModelTerms:
        """Return a model's terms. Raises ``ModelUnavailable``."""
        return self._get(ref).terms

    def manifest(self, ref: ModelRef) -> ModelManifest:
        """Return a model's manifest. Raises ``ModelUnavailable``."""
        return self._get(ref).manifest

    def call(self, ref: ModelRef, batch: FeatureBatch) -> Answer:
        """Score a batch; no answer where the call misses its deadline or fails, or the breaker is open."""
        return self._get(ref).call(batch)

    def _get(self, ref: ModelRef) -> GuardedModel:
        if ref in self._loaded:
            return self._loaded[ref]
        failed = self._failed.get(ref)
        if failed is not None and self._clock() < failed.again_at:
            raise ModelUnavailable(failed.reason)
        try:
            manifest, scorer = self._registry.load(ref.name, ref.version)
        except OperatorError as error:
            reason = f"model {ref} can't be loaded: {error}"
            self._failed[ref] = _Failed(reason=reason, again_at=self._clock() + self._settings.retry_s)
            get_logger().error("model_unavailable", model=str(ref), reason=str(error))
            raise ModelUnavailable(reason) from error
        self._failed.pop(ref, None)
        get_logger().info("model_loaded", model=str(ref), sha256=manifest.sha256)
        loaded = GuardedModel(manifest, scorer, self._settings, self._workers)
        return self._loaded.setdefault(ref, loaded)  # two threads may have loaded it
