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
    first = registry.get_model("linear-test", 1)
    assert first.manifest == replace(made, version=1)
    assert first.metrics == METRICS
    assert first.runs == (RUN,)
    kinds = {one.kind: one for one in first.artifacts}
    assert set(kinds) == {"onnx", "golden", "manifest", "notes.txt"}
    assert kinds["onnx"].sha256 == made.sha256
    assert registry.get("linear-test").version == 2
    assert registry.get_model("linear-test").runs == ()
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
    (changed,) = (one for one in registry.get_model("linear-test").artifacts if one.kind == kind)
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


def logged(value: float, metric: str = "rank_ic", *, up: bool = True, dataset: str = "test") -> list[ModelMetric]:
    return [ModelMetric(dataset=dataset, metric=metric, value=value, higher_is_better=up)]


def test_best_model_by_its_newest_value(registry: ModelRegistry, tmp_path: Path) -> None:
    made = write_linear_model(tmp_path / "model", version=0, strategy_type="reversal")
    other = write_linear_model(tmp_path / "other", name="other", version=0, strategy_type="trend")
    for value in (0.03, 0.05, 0.04):
        registry.register(tmp_path / "model", made, [*logged(value), *logged(value, "rmse", up=False)])
    registry.register(tmp_path / "other", other, logged(0.9))
    best, value = registry.get_best_model("reversal", "rank_ic")
    assert (best.manifest.version, value) == (2, 0.05)
    best, value = registry.get_best_model("reversal", "rmse", higher_is_better=False)
    assert (best.manifest.version, value) == (1, 0.03)
    registry.log_metrics("linear-test", 2, logged(0.01))  # measured again since
    registry.log_metrics("linear-test", 1, logged(0.08, dataset="live"))
    assert registry.get_best_model("reversal", "rank_ic")[0].manifest.version == 3
    assert registry.get_best_model("reversal", "rank_ic", "live")[1] == 0.08
    registry.log_metrics("linear-test", 1, logged(0.04))  # equal to version 3's: the newer version
    assert registry.get_best_model("reversal", "rank_ic")[0].manifest.version == 3
    registry.remove("linear-test", 3, "tester", "wrong data")
    assert registry.get_best_model("reversal", "rank_ic")[0].manifest.version == 1
    with pytest.raises(ModelRefused, match="rmse on test was recorded as a metric of which lower is better"):
        registry.get_best_model("reversal", "rmse")
    with pytest.raises(UnknownModel, match=r"no model of strategy type .reversal. has the metric ic on test; "):
        registry.get_best_model("reversal", "ic")
    with pytest.raises(UnknownModel, match="no version 9"):
        registry.log_metrics("linear-test", 9, logged(0.1))
    with pytest.raises(ModelRefused, match="is nan"):
        registry.log_metrics("linear-test", 1, logged(float("nan")))


def test_artifacts_are_added_and_never_change(registry: ModelRegistry, tmp_path: Path) -> None:
    made = write_linear_model(tmp_path / "model")
    registry.register(tmp_path / "model", made)
    note = tmp_path / "note.md"
    note.write_text("first")
    kept = registry.log_artifact("linear-test", 1, note, "card")
    assert registry.log_artifact("linear-test", 1, note, "card") == kept
    assert kept in registry.get_model("linear-test", 1).artifacts
    registry.load("linear-test", 1)
    note.write_text("second")
    for kind in ("card", "another"):
        with pytest.raises(ModelRefused, match="files never change"):
            registry.log_artifact("linear-test", 1, note, kind)
    (registry.artifacts / kept.path).write_text("second")
    with pytest.raises(ArtifactChanged):
        registry.load("linear-test", 1)
    with pytest.raises(ModelRefused, match="cannot be read"):
        registry.log_artifact("linear-test", 1, tmp_path / "nothing")


def test_a_removed_version_is_gone_and_its_number_too(registry: ModelRegistry, tmp_path: Path) -> None:
    made = write_linear_model(tmp_path / "model")
    for _ in range(2):
        registry.register(tmp_path / "model", made)
    registry.remove("linear-test", 2, "ann", "a mistake")
    assert not registry.folder("linear-test", 2).exists()
    for call in (registry.get, registry.load, registry.get_model):
        with pytest.raises(UnknownModel, match=r"linear-test:2 was removed on .* by ann: a mistake"):
            call("linear-test", 2)
    assert registry.get("linear-test").version == 1  # the newest that is left
    assert [row.version for row in registry.rows()] == [1]
    assert registry.register(tmp_path / "model", made) == 3
    registry.folder("linear-test", 2).mkdir()  # as after a death before the files went
    registry.remove("linear-test", 2, "ben", "again")
    assert not registry.folder("linear-test", 2).exists()
    assert next(row for row in registry.rows(removed=True) if row.version == 2).removed_by == "ann"
    for version in (1, 3):
        registry.remove("linear-test", version, "ann", "all of them")
    with pytest.raises(UnknownModel, match="every version of model 'linear-test' was removed"):
        registry.get("linear-test")
    with pytest.raises(UnknownModel, match="no version 7"):
        registry.remove("linear-test", 7, "ann", "x")
