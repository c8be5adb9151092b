"""A loaded model whose call does not return, and whose session can't be made anew at once."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
from prometheus_client import REGISTRY

from consumers.inference.guarded import GuardedModel
from consumers.inference.workers import Workers
from infra.scoring.errors import ModelRefused
from infra.scoring.scorer import Scorer, Scores
from infra.service_settings import InferenceSettings
from schemas.fields import BoolArray, F8Array
from tests.support.example_messages import FEATURES
from tests.support.linear_models import write_linear_model
from tests.support.waiting import wait_for

#: Attempts to make a session that fail before one succeeds.
REFUSALS = 3


class Hanging(Scorer):
    """A real model whose first session hangs until ``returns``, and is made anew at the fourth attempt at the earliest,
    once ``may``."""

    returns: threading.Event
    may: threading.Event
    attempts = 0

    def score(self, values: F8Array, valid: BoolArray, deadline: int | None = None) -> Scores:
        self.returns.wait(60.0)
        return super().score(values, valid)

    def renewed(self) -> Scorer:
        self.attempts += 1
        if self.attempts <= REFUSALS or not self.may.is_set():
            raise ModelRefused("the call that hangs holds the memory")
        return super().renewed()


def test_a_session_that_cannot_be_made_anew_is_tried_until_it_can(tmp_path: Path) -> None:
    manifest = write_linear_model(tmp_path, name="held", deadline_ms=20.0)
    scorer = Hanging.load(tmp_path / manifest.onnx_file, manifest.sha256, manifest)
    assert isinstance(scorer, Hanging)
    scorer.returns, scorer.may = threading.Event(), threading.Event()
    settings = InferenceSettings(retry_s=0.1, breaker_misses=5, breaker_probe=1)
    subject = GuardedModel(manifest, scorer, settings, Workers())
    width = len(scorer.manifest.features)
    values = np.zeros((2, max(width, 64)))
    batch = replace(
        FEATURES, symbols=("A", "B"), width=values.shape[1], values=values, valid=np.ones(values.shape, np.bool_)
    )

    def held() -> float | None:
        return REGISTRY.get_sample_value("signaltape_model_held", {"model": str(manifest.ref)})

    try:
        assert subject.call(batch).deadline_missed
        assert held() == 1.0
        assert subject.call(batch).breaker_open
        scorer.may.set()
        wait_for(lambda: held() == 0.0, 60, "the model to be replaced")
        assert scorer.attempts > REFUSALS
        wait_for(lambda: subject.call(batch).score is not None, 60, "a probe to answer")
    finally:
        scorer.returns.set()
