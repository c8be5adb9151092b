"""A trained model's folder: all of its files, the manifest last."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from infra.scoring.files import sha256_of, write_atomically
from infra.scoring.golden import GoldenVectors
from infra.scoring.manifest import ModelManifest
from infra.scoring.scorer import RowScorer
from infra.scoring.staging import MANIFEST_FILE
from signaltape.model_card import CARD_FILE, IMPORTANCE_FILE, IMPORTANCE_PLOT, Evaluation, importance_of, model_card
from signaltape.model_tests import MODEL_TESTS_FILE
from signaltape.training.dataset import F4Array, Rows
from signaltape.training.errors import TrainingError
from signaltape.training.fitted import JOBLIB_FILE, JSON_FILE, TEXT_FILE
from signaltape.training.fitting import FittedModel, scores_of
from signaltape.validation import VALIDATION_FILE, VALIDATION_PAGE

_GOLDEN_ROWS = 64
#: Names that a trained model's files have, the manifest first.
_FILES = (
    *(MANIFEST_FILE, "model.onnx", "golden.json", JSON_FILE, TEXT_FILE, JOBLIB_FILE, MODEL_TESTS_FILE),
    *(VALIDATION_FILE, VALIDATION_PAGE, IMPORTANCE_FILE, IMPORTANCE_PLOT, CARD_FILE),
)


def check_folder_is_free(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier model: all of its files would be registered."""
    others = sorted(path.name for path in folder.iterdir() if path.name not in _FILES) if folder.is_dir() else []
    if others:
        raise TrainingError(f"{folder} is not empty ({others[0]}): choose a new folder, or one of an earlier model")


def write_model(folder: Path, manifest: ModelManifest, model: FittedModel, test: Rows) -> ModelManifest:
    """Write graph, golden vectors, native form and manifest; returns the manifest with the vectors' checksum."""
    rows = _golden_rows(test)
    scores = scores_of(model.session, rows)
    golden = GoldenVectors(
        features=manifest.features, rows=rows, score=scores.score, confidence=scores.confidence
    ).to_json()
    made = replace(manifest, golden_sha256=sha256_of(golden))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:  # of an earlier model; without its manifest what is left is no model
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise _not_written(folder, error) from error
    write_files(folder, {**model.files, made.onnx_file: model.onnx, made.golden_file: golden})
    write_files(folder, {MANIFEST_FILE: made.to_json().encode()})
    return made


def write_reports(folder: Path, manifest: ModelManifest, model: FittedModel, test: Rows, found: Evaluation) -> None:
    """Write importance, validation and card, as files for machines and for people."""
    seed = int(manifest.training["seed"])
    scorer = RowScorer(model.session)
    looked = importance_of(scorer, manifest.features, test.x, test.y, native=model.importance, seed=seed)
    files = {
        IMPORTANCE_FILE: looked.to_json(),
        IMPORTANCE_PLOT: (looked.plot() + "\n").encode(),
        CARD_FILE: model_card(manifest, replace(found, importance=looked)),
    }
    if found.validation is not None:
        files |= {VALIDATION_FILE: found.validation.to_json(), VALIDATION_PAGE: found.validation.to_html()}
    write_files(folder, files)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by name, each whole or not at all. Raises TrainingError where that can't be done."""
    try:
        for name, data in files.items():
            write_atomically(folder / name, data)
    except OSError as error:
        raise _not_written(folder, error) from error


def _not_written(folder: Path, error: OSError) -> TrainingError:
    return TrainingError(f"{error.filename or folder}: {error.strerror}; choose a folder that can be written")


def _golden_rows(test: Rows) -> F4Array:
    """Held-out rows spread over the test span, some with missing values where there are any, and one with nothing."""
    spread = np.linspace(0, len(test) - 1, _GOLDEN_ROWS - 9).astype(np.int64)
    gaps = np.flatnonzero(np.isnan(test.x).any(axis=1))
    some = gaps[np.linspace(0, len(gaps) - 1, 8).astype(np.int64)] if len(gaps) else spread[:8]
    nothing = np.full((1, test.x.shape[1]), np.nan, dtype=np.float32)
    return np.concatenate([test.x[np.union1d(spread, some)], nothing])
