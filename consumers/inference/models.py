"""Loaded models: checked once, warm, guarded, several versions side by side."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from consumers.inference.guarded import GuardedModel
from consumers.inference.workers import Workers
from infra.errors import OperatorError
from infra.scoring.manifest import ModelManifest
from infra.scoring.port import Registry
from infra.service_settings import InferenceSettings
from infra.telemetry.logs import get_logger
from pipeline.deployments import ModelRef
from pipeline.routing.model_port import Answer, ModelTerms, ModelUnavailable
from schemas.features import FeatureBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class _Failed:
    reason: str
    again_at: float


class LoadedModels:
    """The models of this process, loaded when first needed (or earlier, by ``prepare``) and kept.

    A model that can't be loaded is tried again after ``retry_s``; until then asking for it fails at once.

    ``spare``: where anybody can ask for any model, how many are kept beside those that were prepared or that
    ``deployed`` names: the ones used last. Nothing is remembered of others that can't be loaded. None: all are kept.
    """

    def __init__(
        self, registry: Registry, settings: InferenceSettings, clock: Callable[[], float] = time.monotonic,
        workers: Workers | None = None, spare: int | None = None,
    ) -> None:  # fmt: skip
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._workers = workers or Workers()
        self._loaded: dict[ModelRef, GuardedModel] = {}
        self._failed: dict[ModelRef, _Failed] = {}
        self._spare = spare
        self._lock = threading.Lock()
        self._kept: set[ModelRef] = set()

    def deployed(self, refs: Iterable[ModelRef]) -> None:
        """Say which models are in force now: they stay loaded, others may go (with ``spare``)."""
        with self._lock:
            self._kept = set(refs)
            for ref in self._failed.keys() - self._kept if self._spare is not None else ():
                del self._failed[ref]
            self._drop_unused()

    def prepare(self, ref: ModelRef, *, again: bool = False) -> str:
        """Load a model beside the others; returns "" or the reason why it can't be.

        ``again``: one that just failed is tried at once. May be called from another thread than the rest.
        """
        if again:
            self._failed.pop(ref, None)
        with self._lock:
            self._kept.add(ref)
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

    def call(self, ref: ModelRef, batch: FeatureBatch, *, supplied: bool = False) -> Answer:
        """Score a batch; no answer where the call misses its deadline or fails, or the breaker is open.

        ``supplied``: the rows are a caller's own (``GuardedModel.call``).
        """
        return self._get(ref).call(batch, supplied=supplied)

    def _get(self, ref: ModelRef) -> GuardedModel:
        if (held := self._held(ref)) is not None:
            return held
        failed = self._failed.get(ref)
        if failed is not None and self._clock() < failed.again_at:
            raise ModelUnavailable(failed.reason)
        try:
            manifest, scorer = self._registry.load(ref.name, ref.version)
        except OperatorError as error:
            reason = f"model {ref} can't be loaded: {error}"
            if self._spare is None or ref in self._kept:
                self._failed[ref] = _Failed(reason=reason, again_at=self._clock() + self._settings.retry_s)
                get_logger().error("model_unavailable", model=str(ref), reason=str(error))
            raise ModelUnavailable(reason) from error
        self._failed.pop(ref, None)
        get_logger().info("model_loaded", model=str(ref), sha256=manifest.sha256)
        loaded = GuardedModel(manifest, scorer, self._settings, self._workers)
        with self._lock:
            loaded = self._loaded.setdefault(ref, loaded)  # two threads may have loaded it
            self._drop_unused()
        return loaded

    def _held(self, ref: ModelRef) -> GuardedModel | None:
        """A loaded model, which is the one used last from now on."""
        if self._spare is None:
            return self._loaded.get(ref)
        with self._lock:
            if (held := self._loaded.pop(ref, None)) is not None:
                self._loaded[ref] = held
            return held

    def _drop_unused(self) -> None:
        """Forget what was used longest ago, beyond ``spare``. One that hung stays: loaded anew, it would hang again."""
        if self._spare is None:
            return
        others = [ref for ref, one in self._loaded.items() if ref not in self._kept and not one.was_left]
        for ref in others[: max(0, len(others) - self._spare)]:
            del self._loaded[ref]
            get_logger().info("model_dropped", model=str(ref))
