"""The registry on a real Postgres: versions, checksums, and what happens to files that changed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from infra.scoring.errors import ArtifactChanged, GoldenMismatch, ModelRefused, UnknownModel
from infra.scoring.files import sha256_of
from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse import connect, migrate
from infra.warehouse.models import ModelMetric, TrainingRun
from tests.support.linear_models import write_linear_model

METRICS = (ModelMetric(dataset="test", metric="ic", value=0.03, higher_is_better=True),)
RUN = TrainingRun(
    run_id="run-1",
    parameters={"alpha": 0.1, "seed": 7},
    data_from=951_926_400_000_001_000,
    data_to=1_362_171_600_000_000_000,
    git_sha="abc",
    dataset_fingerprint="f" * 64,
    started_at=datetime(2026, 1, 2, tzinfo=UTC),
    finished_at=datetime(2026, 1, 3, tzinfo=UTC),
)


@pytest.fixture
def registry(settings: Settings) -> ModelRegistry:
    migrate(settings)
    return ModelRegistry(settings)


def test_what_was_registered_is_found_and_serves(registry: ModelRegistry, tmp_path: Path) -> None:
    made = write_linear_model(tmp_path / "model", version=0)
    (tmp_path / "model" / "notes.txt").write_text("kept")
    assert registry.register(tmp_path / "model", made, METRICS, RUN) == 1
    assert registry.register(tmp_path / "model", made) == 2
    first = registry.details("linear-test", 1)
    assert first.manifest == replace(made, version=1)
    assert first.metrics == METRICS
    assert first.runs == (RUN,)
    kinds = {one.kind: one for one in first.artifacts}
    assert set(kinds) == {"onnx", "golden", "manifest", "notes.txt"}
    assert kinds["onnx"].sha256 == made.sha256
    assert registry.get("linear-test").version == 2
    assert registry.details("linear-test").runs == ()
    manifest, scorer = registry.load("linear-test", 1)
    assert manifest.version == 1
    assert np.isfinite(scorer.score(np.zeros((3, 12)), np.ones((3, 12), dtype=bool)).score).all()
    assert [(row.name, row.version) for row in registry.rows()] == [("linear-test", 1), ("linear-test", 2)]


def test_no_staging_folder_is_left(registry: ModelRegistry, tmp_path: Path) -> None:
    made = write_linear_model(tmp_path / "model")
    registry.register(tmp_path / "model", made)
    (tmp_path / "model" / made.golden_file).unlink()
    with pytest.raises(ModelRefused, match=r"golden\.json: no such file"):
        registry.register(tmp_path / "model", made)
    assert [path.name for path in registry.artifacts.iterdir()] == ["linear-test"]


@pytest.mark.parametrize("kind", ["onnx", "golden", "manifest", "notes.txt"])
def test_changed_file_is_refused_at_load(registry: ModelRegistry, tmp_path: Path, kind: str) -> None:
    made = write_linear_model(tmp_path / "model")
    (tmp_path / "model" / "notes.txt").write_text("kept")
    registry.register(tmp_path / "model", made)
    (changed,) = (one for one in registry.details("linear-test").artifacts if one.kind == kind)
    path = registry.artifacts / changed.path
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtifactChanged, match="the file was changed since"):
        registry.load("linear-test")


def test_other_model_with_a_matching_row_is_refused(
    registry: ModelRegistry, settings: Settings, tmp_path: Path
) -> None:
    """Somebody replaces a file and its checksum in model_artifacts: the manifest still knows better."""
    made = write_linear_model(tmp_path / "model")
    other = write_linear_model(tmp_path / "other", weights={"logret_1": 9.0, "ret_std_20": 9.0})
    registry.register(tmp_path / "model", made)
    (registry.folder("linear-test", 1) / "model.onnx").write_bytes((tmp_path / "other" / "model.onnx").read_bytes())
    with connect(settings) as connection:
        connection.execute("UPDATE model_artifacts SET sha256 = %s WHERE kind = 'onnx'", (other.sha256,))
    with pytest.raises(ArtifactChanged, match="name different files"):
        registry.load("linear-test")


def test_model_whose_golden_vectors_fail_is_not_registered(registry: ModelRegistry, tmp_path: Path) -> None:
    made = write_linear_model(tmp_path / "model")
    other = write_linear_model(tmp_path / "other", bias=0.5)
    (tmp_path / "model" / "model.onnx").write_bytes((tmp_path / "other" / "model.onnx").read_bytes())
    with pytest.raises(GoldenMismatch):
        registry.register(tmp_path / "model", replace(made, sha256=other.sha256))
    with pytest.raises(ArtifactChanged):
        registry.register(tmp_path / "model", made)
    assert registry.rows() == []


def test_metric_that_is_not_a_number_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    made = write_linear_model(tmp_path / "model")
    with pytest.raises(ModelRefused, match="metric ic on test is nan"):
        registry.register(tmp_path / "model", made, [replace(METRICS[0], value=float("nan"))])


def test_registrations_at_once_get_versions_of_their_own(registry: ModelRegistry, tmp_path: Path) -> None:
    made = write_linear_model(tmp_path / "model")
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda _: registry.register(tmp_path / "model", made), range(8)))
    assert sorted(versions) == list(range(1, 9))


def test_folder_without_rows_is_never_written_over(registry: ModelRegistry, tmp_path: Path) -> None:
    """What a crash between the folder's name and the commit leaves, or another database on the same home."""
    made = write_linear_model(tmp_path / "model")
    left = registry.folder("linear-test", 3)
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"left")
    assert registry.register(tmp_path / "model", made) == 4
    assert (left / "model.onnx").read_bytes() == b"left"


def test_rows_that_cannot_be_written_leave_the_version_unused(
    registry: ModelRegistry, settings: Settings, tmp_path: Path
) -> None:
    made = write_linear_model(tmp_path / "model")
    registry.register(tmp_path / "model", made, run=RUN)
    with pytest.raises(Exception, match="run-1"):  # the run's id is taken: the transaction fails after the folder
        registry.register(tmp_path / "model", made, run=RUN)
    assert [row.version for row in registry.rows()] == [1]
    assert registry.register(tmp_path / "model", made) == 3
    assert sha256_of((registry.folder("linear-test", 3) / "model.onnx").read_bytes()) == made.sha256


def test_unknown_names_are_told(registry: ModelRegistry, tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"no model .x. is registered .registered: none.; `signaltape train`"):
        registry.load("x")
    registry.register(tmp_path / "model", write_linear_model(tmp_path / "model"))
    with pytest.raises(UnknownModel, match="has no version 7, its newest is 1"):
        registry.get("linear-test", 7)


def test_tables_that_do_not_exist_are_told(settings: Settings) -> None:
    with pytest.raises(ModelRefused, match="run `signaltape init` first"):
        ModelRegistry(settings).rows()
