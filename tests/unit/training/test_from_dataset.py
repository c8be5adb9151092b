"""Training on a dataset: the same model as from the bars that it came from, and refusals that name the reason."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.dataset_content import DatasetContent
from pipeline.features import FEATURE_SETS
from producers.bar_table import BarTable
from signaltape.__main__ import main
from signaltape.datasets import CheckedDataset, DatasetError, open_dataset
from signaltape.training import Trained, TrainingError, TrainOptions, train_on_dataset
from signaltape.training.from_dataset import rows_of_dataset
from signaltape.validation import ValidationError
from tests.support.dataset_examples import content_of_bars, manifest_of, write
from tests.support.training_bars import simulated, trained

OPTIONS = TrainOptions(name="sim-linear", horizon=1)
CORE = FEATURE_SETS["core"]


@pytest.fixture(scope="module")
def bars() -> BarTable:
    return simulated(symbols=8, sessions=1)


@pytest.fixture(scope="module")
def content(bars: BarTable) -> DatasetContent:
    return content_of_bars(bars)


@pytest.fixture(scope="module")
def folder(content: DatasetContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("dataset") / "set"
    write(made, content)
    return made


def onnx(made: Trained) -> bytes:
    return (made.folder / made.manifest.onnx_file).read_bytes()


def test_the_model_is_that_of_the_bars_and_training_again_gives_its_bytes(
    bars: BarTable, folder: Path, tmp_path: Path
) -> None:
    checked = open_dataset(folder)
    one, two = (train_on_dataset(checked, OPTIONS, tmp_path / name) for name in ("one", "two"))
    assert onnx(one) == onnx(two) == onnx(trained(tmp_path / "bars", "linear", bars))
    fingerprint = checked.manifest.fingerprint
    assert one.run.dataset_fingerprint == one.manifest.training["dataset_fingerprint"] == fingerprint
    assert one.manifest.training["dataset_id"] == checked.manifest.dataset_id


def test_a_row_matures_when_its_label_was_known(content: DatasetContent) -> None:
    """A label that was corrected after the first row that judges the model is no training row."""
    late = content.label_available_time.copy()
    late[5] = content.event_time.max()
    corrected = replace(content, label_available_time=late)
    rows = rows_of_dataset(CheckedDataset(manifest=manifest_of(corrected), content=corrected), OPTIONS).rows
    (place,) = np.flatnonzero((rows.symbol == content.symbol[5]) & (rows.event_time == content.event_time[5]))
    assert rows.matures[place] == late[5]
    assert (np.diff(rows.event_time) >= 0).all()


@pytest.mark.parametrize(
    ("terms", "options", "what"),
    [
        ({"set_hash": "0" * 16}, {}, "with hash 0000000000000000; this program computes"),
        ({"set_version": 9}, {}, "core version 9 with hash"),
        ({"feature_set": "elsewhere"}, {}, "holds the set elsewhere, asked for is core"),
        ({"horizon": 5}, {}, "return over 5 bars, asked for are 1"),
        ({"features": ("sma_5", *CORE.names[1:])}, {"features": (CORE.names[0],)}, f"no column {CORE.names[0]}"),
    ],
)
def test_what_does_not_fit_is_refused(
    content: DatasetContent, terms: dict[str, object], options: dict[str, object], what: str, tmp_path: Path
) -> None:
    other = replace(content, terms=replace(content.terms, **terms))
    checked = CheckedDataset(manifest=manifest_of(other), content=other)
    with pytest.raises(TrainingError, match=what):
        train_on_dataset(checked, replace(OPTIONS, **options), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_fewer_than_a_thousand_rows_are_refused(content: DatasetContent, tmp_path: Path) -> None:
    few = content.take(np.arange(999))
    checked = CheckedDataset(manifest=manifest_of(few), content=few)
    with pytest.raises(ValidationError, match="999 rows, needed are 1,000"):
        train_on_dataset(checked, replace(OPTIONS, minimum_rows=200), tmp_path / "model")


def test_a_changed_dataset_is_not_trained_on(content: DatasetContent, tmp_path: Path) -> None:
    write(tmp_path / "set", content)
    changed = content.label.copy()
    changed[7] += 1e-9
    write(tmp_path / "other", replace(content, label=changed))
    (tmp_path / "other" / "data.parquet").replace(tmp_path / "set" / "data.parquet")
    with pytest.raises(DatasetError, match="the manifest says"):
        open_dataset(tmp_path / "set")


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["signaltape", "train", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    out = tmp_path / "model"
    assert call(monkeypatch, "--dataset", folder, "--name", "m", "--out", out, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["manifest"]["horizon"] == 1
    assert document["manifest"]["training"]["dataset_fingerprint"] == open_dataset(folder).manifest.fingerprint
    chosen = ("--dataset", folder, "--model", "mlp", "--target", "classification", "--parameter", "epochs=2")
    assert call(monkeypatch, *chosen, "--name", "m", "--out", tmp_path / "mlp") == 0
    assert "mlp classifier over" in capsys.readouterr().out
    for arguments, code, what in (
        (("--dataset", folder, "--target", "ranking"), 1, "target 'ranking' is not one of regression"),
        (("--dataset", folder, "--model", "prophet"), 1, "there are linear, lightgbm, forest, mlp"),
        ((), 2, "give a file of bars, or --dataset"),
        ((folder / "data.parquet", "--dataset", folder), 2, "give a file of bars, or --dataset"),
        (("x.csv", "--interval", "1m"), 2, "needs --stamp"),
        (("--dataset", folder, "--interval", "1m"), 2, "--interval is for files"),
        (("--dataset", folder, "--horizon", "5"), 1, "return over 1 bars, asked for are 5"),
        (("--dataset", tmp_path), 1, "is no dataset"),
    ):
        assert call(monkeypatch, *arguments, "--name", "m", "--out", tmp_path / "none") == code
        assert what in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
