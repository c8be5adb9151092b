"""What one process keeps of models, and what a caller's own rows may do to a model that all share."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consumers.inference.guarded import GuardedModel
from consumers.inference.models import LoadedModels
from consumers.inference.workers import Workers
from infra.scoring.errors import UnknownModel
from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import Scorer
from infra.service_settings import InferenceSettings
from pipeline.deployments import Deployments, ModelRef
from pipeline.routing.model_port import ModelUnavailable
from schemas.features import FeatureBatch
from signaltape.serving.choosing import Wanted, choose
from signaltape.serving.errors import ServingError
from signaltape.serving.feature_rows import feature_rows
from signaltape.serving.one_bar import batch_of
from tests.support.faulty_models import write_faulty_model

VERSIONS = 20
PATIENT = InferenceSettings(deadline_ms=60_000.0, breaker_misses=3)


def ref(version: int, name: str = "nan") -> ModelRef:
    return ModelRef(name=name, version=version)


class Folder:
    """A registry whose every version is the model of one folder; ``asked`` counts what was loaded or looked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.manifest = folder, write_faulty_model(folder, "nan")
        self.asked: Counter[ModelRef] = Counter()

    def load(self, name: str, version: int) -> tuple[ModelManifest, Scorer]:
        self.asked[ref(version, name)] += 1
        if name != self.manifest.name or version > VERSIONS:
            raise UnknownModel(f"no model {name}:{version} is registered")
        manifest = replace(self.manifest, version=version)
        return manifest, Scorer.load(self.folder / manifest.onnx_file, manifest.sha256, manifest)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_what_anybody_may_ask_for_is_kept_for_a_while_and_what_serves_for_good(folder: Folder) -> None:
    models = LoadedModels(folder, PATIENT, spare=3)
    models.deployed([ref(1)])
    models.terms(ref(1))
    assert models.prepare(ref(2)) == ""
    for version in range(3, VERSIONS + 1):
        models.terms(ref(version))
        models.terms(ref(3))  # used all the time, so never the one used longest ago
    folder.asked.clear()
    for version in (1, 2, 3, VERSIONS - 1, VERSIONS):
        models.terms(ref(version))
    assert not folder.asked
    models.terms(ref(4))
    assert folder.asked == {ref(4): 1}


def test_what_is_no_longer_in_force_may_go(folder: Folder) -> None:
    models = LoadedModels(folder, PATIENT, spare=0)
    models.deployed([ref(1)])
    models.terms(ref(1))
    models.deployed([ref(2)])
    models.terms(ref(2))
    models.terms(ref(1))
    models.terms(ref(2))
    assert folder.asked == {ref(1): 2, ref(2): 1}


def test_without_a_bound_all_are_kept(folder: Folder) -> None:
    models = LoadedModels(folder, PATIENT)
    for version in (*range(1, VERSIONS + 1), *range(1, VERSIONS + 1)):
        models.terms(ref(version))
    assert set(folder.asked.values()) == {1}


def test_only_failures_of_what_serves_are_remembered(folder: Folder) -> None:
    models = LoadedModels(folder, PATIENT, clock=lambda: 0.0, spare=3)
    models.deployed([ref(1, "gone")])
    for _ in range(3):
        for name in ("gone", "invented"):
            with pytest.raises(ModelUnavailable, match="can't be loaded"):
                models.terms(ref(1, name))
    assert folder.asked == {ref(1, "gone"): 1, ref(1, "invented"): 3}
    models.deployed([])
    with pytest.raises(ModelUnavailable):
        models.terms(ref(1, "gone"))
    assert folder.asked[ref(1, "gone")] == 2


def test_a_model_that_does_not_exist_is_the_questions_fault(folder: Folder) -> None:
    models = LoadedModels(folder, PATIENT, spare=3)
    for _ in range(2):
        with pytest.raises(ServingError) as caught:
            choose(Deployments(), Wanted(interval="1s", model=ref(1, "nobody")), models)
        assert (caught.value.code, caught.value.field) == ("unknown_model", "model")


def rows(model: GuardedModel, value: float) -> FeatureBatch:
    named = [dict.fromkeys(model.manifest.features, value)]
    return batch_of(feature_rows(named, model.terms, model.manifest.features), model.terms, "1s")


@pytest.mark.parametrize(
    ("deadline_ms", "value", "supplied", "opens"),
    [
        (60_000.0, 2.0, True, False),  # NaN, of rows that somebody sent
        (60_000.0, 2.0, False, True),  # NaN, of the pipeline's rows
        (1e-6, 0.5, True, True),  # too slow for anybody
        (1e-6, 0.5, False, True),
    ],
)
def test_a_callers_rows_open_the_breaker_only_by_taking_too_long(
    folder: Folder, deadline_ms: float, value: float, supplied: bool, opens: bool
) -> None:
    settings = InferenceSettings(deadline_ms=deadline_ms, breaker_misses=3)
    model = GuardedModel(*folder.load("nan", 1), settings, Workers())
    for _ in range(3):
        assert model.call(rows(model, value), supplied=supplied).score is None
    assert model.call(rows(model, 0.5)).breaker_open == opens


@pytest.mark.parametrize(("count", "field"), [(1, "features"), (3, "batch[2]")])
@pytest.mark.parametrize("value", [1e300, -1e39])
def test_a_value_beyond_float32_is_refused_by_name(folder: Folder, count: int, field: str, value: float) -> None:
    manifest, _ = folder.load("nan", 1)
    good = dict.fromkeys(manifest.features, 1.0)
    named: list[dict[str, float | None]] = [{**good} for _ in range(count)]
    feature_rows(named, manifest.terms(), manifest.features)
    named[-1][manifest.features[1]] = value
    with pytest.raises(ServingError) as caught:
        feature_rows(named, manifest.terms(), manifest.features)
    assert (caught.value.code, caught.value.field) == ("out_of_range", f"{field}.{manifest.features[1]}")
    named[-1][manifest.features[1]] = float(np.finfo(np.float32).max)
    feature_rows(named, manifest.terms(), manifest.features)
