"""A model that does no harm by being slow, failing, answering nonsense, or not returning."""

import threading
import time
from dataclasses import replace

from consumers.inference.breaker import Breaker
from consumers.inference.workers import CallAbandoned, Workers
from infra.scoring.errors import DeadlineMissed, ScoringFault
from infra.scoring.manifest import ModelManifest
from infra.scoring.numerics import host_fingerprint
from infra.scoring.scorer import Scorer, Scores
from infra.service_settings import InferenceSettings
from infra.telemetry.logs import get_logger
from infra.telemetry.metrics import BREAKER_OPEN, CALLS_ABANDONED, CALLS_LOST, MODEL_HELD, PREDICTION_LATENCY
from pipeline.routing.model_port import Answer
from schemas.features import FeatureBatch

#: A call is left behind once its deadline has passed by as much again, and by no less than this: what a chunk takes
#: is not worth a new session.
_GRACE_S = 0.05
#: While so many calls are left behind and go on, a model that was left behind is not asked: each call takes a core.
_MOST_LOST = 2


class GuardedModel:
    """One loaded model under its deadline and behind its breaker.

    A call is answered, or misses: it raised, gave something unusable, or its deadline passed, which is looked at
    after each chunk. One that doesn't come back to look is left behind with its session; the breaker is held open
    until a session was made anew from the bytes that were checked.
    """

    def __init__(self, manifest: ModelManifest, scorer: Scorer, settings: InferenceSettings, workers: Workers) -> None:
        self.manifest = manifest
        self.terms = replace(manifest.terms(), numerics=host_fingerprint())
        self._name, self._label = manifest.name, str(manifest.ref)
        self._scorer = scorer
        self._workers = workers
        self._deadline_ns = round((settings.deadline_ms or manifest.deadline_ms) * 1e6)
        self._limit_s = self._deadline_ns / 1e9 + max(self._deadline_ns / 1e9, _GRACE_S)
        self._breaker = Breaker(misses=settings.breaker_misses, probe=settings.breaker_probe)
        self._retry_s = settings.retry_s
        self._was_left = False

    @property
    def was_left(self) -> bool:
        """True once a call was left behind: then the model must not be forgotten and loaded anew."""
        return self._was_left

    def call(self, batch: FeatureBatch, *, supplied: bool = False) -> Answer:
        """Score a batch; no answer where the call misses, or isn't made because the breaker is open.

        ``supplied``: the rows are a caller's own. An unusable output may be their fault then, so that only a call that
        doesn't come back in time counts for the breaker, which is everybody's.
        """
        if (self._was_left and self._workers.lost >= _MOST_LOST) or not self._breaker.allows():
            return Answer(score=None, confidence=None, breaker_open=True)
        start = time.monotonic_ns()
        try:
            scores = self._score(batch, start + self._deadline_ns)
        except (ScoringFault, CallAbandoned) as fault:
            get_logger().warning("model_missed", model=self._label, reason=str(fault), event_time=batch.event_time)
            missed = isinstance(fault, DeadlineMissed | CallAbandoned)
            answer = Answer(score=None, confidence=None, elapsed_ns=time.monotonic_ns() - start, deadline_missed=missed)
        else:
            answer = Answer(score=scores.score, confidence=scores.confidence, elapsed_ns=scores.elapsed_ns)
        if answer.score is not None or answer.deadline_missed or not supplied:
            self._breaker.record(ok=answer.score is not None)
        BREAKER_OPEN.labels(model=self._label).set(float(self._breaker.is_open))
        CALLS_LOST.set(self._workers.lost)
        PREDICTION_LATENCY.labels(model=self._name).observe(answer.elapsed_ns / 1e9)
        return answer

    def _score(self, batch: FeatureBatch, deadline: int) -> Scores:
        scorer = self._scorer
        try:
            return self._workers.run(lambda: scorer.score(batch.values, batch.valid, deadline), self._limit_s)
        except CallAbandoned:
            self._was_left = True
            self._breaker.hold()
            MODEL_HELD.labels(model=self._label).set(1.0)
            CALLS_ABANDONED.labels(model=self._label).inc()
            threading.Thread(target=self._replace, name="replacement", daemon=True).start()
            raise

    def _replace(self) -> None:
        """Make the session anew, as often as it takes, and let the breaker's probes through again; until then held.

        The call that hangs may hold what a session needs (tensor memory, say) until it returns.
        """
        while True:
            try:
                self._scorer = self._scorer.renewed()
                break
            except Exception:
                get_logger().exception("model_not_replaced", model=self._label, again_in_s=self._retry_s)
            time.sleep(self._retry_s)  # a daemon: it never holds up the end of the process
        MODEL_HELD.labels(model=self._label).set(0.0)
        self._breaker.release()
        get_logger().warning("model_replaced", model=self._label, still_running=self._workers.lost)
