"""From bars to a model's folder, step by step."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from infra.build import git_sha
from infra.scoring.files import sha256_of, write_atomically
from infra.scoring.golden import GoldenVectors
from infra.scoring.manifest import ModelManifest
from infra.scoring.registry import MANIFEST_FILE
from infra.scoring.scorer import RowScorer, Scores
from infra.scoring.session import Session
from infra.warehouse.models import ModelMetric, TrainingRun
from producers.bar_table import BarTable
from signaltape.datasets.checking import CheckedDataset
from signaltape.model_tests import MODEL_TESTS_FILE, Evidence, ModelTestReport, check_folder
from signaltape.training.calibration import Calibration, fit_calibration, thresholds_of
from signaltape.training.dataset import Dataset, F4Array, Progress, Rows, build_dataset
from signaltape.training.errors import TrainingError
from signaltape.training.evaluation import evaluate, metric_rows
from signaltape.training.families import family_of
from signaltape.training.from_dataset import rows_of_dataset
from signaltape.training.graph import score_graph
from signaltape.training.options import TrainOptions
from signaltape.training.parity import compare
from signaltape.training.record import FittedModel, draft_manifest
from signaltape.training.splitting import Split, split_by_time

_GOLDEN_ROWS = 64
#: Names that a trained model's files have, the manifest first.
_FILES = (MANIFEST_FILE, "model.onnx", "golden.json", "native.json", "native.txt", MODEL_TESTS_FILE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A trained model, ready to register: ``ModelRegistry.register(folder, manifest, metrics, run)``."""

    folder: Path
    manifest: ModelManifest
    metrics: tuple[ModelMetric, ...]
    run: TrainingRun
    tests: ModelTestReport


def train(
    tables: BarTable | Sequence[BarTable],
    options: TrainOptions,
    folder: Path,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Trained:
    """Train one model from bars (one table per interval) and write its files into ``folder``, manifest last.

    ``progress`` follows the features (cross-sections done, all of them), ``say`` is told what begins next.

    1. Features by the live engine, labels, split by time with an embargo of the horizon. 2. Fit on training rows;
    the target is scaled to unit size, the scale is put back inside the graph. 3. Calibrate the confidence on
    validation rows, choose thresholds from training scores. 4. Compare ONNX and the native model on every held-out
    row. 5. Judge the ONNX model on held-out rows. 6. Write model, golden vectors, native form and manifest. 7. Load
    what was written as a serving host would, and run the model tests on the test rows.

    Equal bars and options give equal ONNX bytes. Raises TrainingError saying what is missing.
    """
    started = datetime.now(UTC)
    _check_before(options, folder)
    given = [tables] if isinstance(tables, BarTable) else list(tables)
    data = build_dataset(given, options, progress)  # 1.
    return _train_on(data, options, folder, started, say)


def train_on_dataset(
    checked: CheckedDataset, options: TrainOptions, folder: Path, *, say: Callable[[str], None] = lambda text: None
) -> Trained:
    """Train one model from a dataset on disk (`open_dataset` has compared its fingerprint); else as `train`.

    Equal fingerprint and options give equal ONNX bytes on one host. Raises TrainingError for another feature set
    than this program's, another horizon, or fewer than 1,000 rows.
    """
    started = datetime.now(UTC)
    _check_before(options, folder)
    return _train_on(rows_of_dataset(checked, options), options, folder, started, say)


def _check_before(options: TrainOptions, folder: Path) -> None:
    family_of(options.family).parameters(options.parameters)  # misspelt ones are told before the work
    _check_folder(folder)


def _train_on(
    data: Dataset, options: TrainOptions, folder: Path, started: datetime, say: Callable[[str], None]
) -> Trained:
    split = split_by_time(data.rows, options.validation, options.test, options.minimum_rows)
    split, dropped = _without_empty_columns(split)
    say(f"fitting {options.family} to {len(split.train):,} rows of {len(split.train.features)} features")
    model = _fit(split, options)  # 2. 3. 4.
    manifest = draft_manifest(data, split, options, model, dropped)
    say(f"judging it on {len(split.validation) + len(split.test):,} held-out rows")
    metrics = _judge(split, options, model)  # 5.
    manifest = _write(folder, manifest, model, split)  # 6.
    say("running the model tests")
    evidence = Evidence(y=split.test.y, event_time=split.test.event_time)
    tests = check_folder(folder, manifest, split.test.x, evidence)  # 7.
    run = _run_record(data, options, started)
    return Trained(folder=folder, manifest=manifest, metrics=tuple(metrics), run=run, tests=tests)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier model: all of its files would be registered."""
    others = sorted(path.name for path in folder.iterdir() if path.name not in _FILES) if folder.is_dir() else []
    if others:
        raise TrainingError(f"{folder} is not empty ({others[0]}): choose a new folder, or one of an earlier model")


def _run_record(data: Dataset, options: TrainOptions, started: datetime) -> TrainingRun:
    return TrainingRun(
        run_id=f"{options.name}-{data.fingerprint[:12]}-{secrets.token_hex(4)}",
        parameters=options.document(),
        data_from=int(data.rows.event_time[0]),
        data_to=int(data.rows.matures.max()),
        git_sha=git_sha(),
        dataset_fingerprint=data.fingerprint,
        started_at=started,
        finished_at=datetime.now(UTC),
    )


def _without_empty_columns(split: Split) -> tuple[Split, tuple[str, ...]]:
    """Leave out columns with fewer than 1 % of values in training (no volume, say): nothing can be learnt of them."""
    names = split.train.features
    enough = np.mean(~np.isnan(split.train.x), axis=0) >= 0.01
    if not enough.any():
        raise TrainingError("no feature has a value in the training span")
    kept = tuple(name for name, keep in zip(names, enough, strict=True) if keep)
    parts = [
        replace(part, features=kept, x=np.ascontiguousarray(part.x[:, enough]))
        for part in (split.train, split.validation, split.test)
    ]
    dropped = tuple(name for name in names if name not in kept)
    return replace(split, train=parts[0], validation=parts[1], test=parts[2]), dropped


def _fit(split: Split, options: TrainOptions) -> FittedModel:
    family = family_of(options.family)
    parameters = family.parameters(options.parameters)
    unit = float(np.std(split.train.y))
    if unit == 0.0:
        raise TrainingError("all training returns are equal: there is nothing to learn from these bars")
    fitted = family.fit(split.train.x, split.train.y / unit, parameters, options.seed)
    width = split.train.x.shape[1]
    plain = score_graph(fitted.part, width, unit, Calibration())
    raw = Session(plain, width, "trained model")
    train_score = _scores(raw, split.train.x).score
    spread = float(np.std(train_score))
    if spread <= 1e-6 * unit:
        raise TrainingError(
            "the model gives every training row the same score: it has learnt nothing. Give more bars, or let it "
            "learn more (fewer rows per leaf, a smaller penalty)"
        )
    calibration = fit_calibration(_scores(raw, split.validation.x).score, split.validation.y, spread)
    onnx = score_graph(fitted.part, width, unit, calibration)
    session = Session(onnx, width, "trained model")
    return FittedModel(
        onnx=onnx,
        files=dict(fitted.files),
        session=session,
        train_score=train_score,
        thresholds=thresholds_of(train_score, options.long_quantile, options.short_quantile, options.min_confidence),
        calibration=calibration,
        parity=compare(fitted, unit, session, np.concatenate([split.validation.x, split.test.x]), spread),
        parameters=parameters,
    )


def _scores(session: Session, x: F4Array) -> Scores:
    return RowScorer(session).score_rows(x)


def _judge(split: Split, options: TrainOptions, model: FittedModel) -> list[ModelMetric]:
    found: list[ModelMetric] = []
    for name, rows in (("validation", split.validation), ("test", split.test)):
        scores = _scores(model.session, rows.x)
        found += metric_rows(name, evaluate(rows, scores.score, scores.confidence, options.horizon, options.seed))
    return found


def _write(folder: Path, manifest: ModelManifest, model: FittedModel, split: Split) -> ModelManifest:
    rows = _golden_rows(split.test)
    scores = _scores(model.session, rows)
    golden = GoldenVectors(
        features=manifest.features, rows=rows, score=scores.score, confidence=scores.confidence
    ).to_json()
    made = replace(manifest, golden_sha256=sha256_of(golden))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:  # of an earlier model; without its manifest what is left is no model
            (folder / name).unlink(missing_ok=True)
        for name, data in {**model.files, made.onnx_file: model.onnx, made.golden_file: golden}.items():
            write_atomically(folder / name, data)
        write_atomically(folder / MANIFEST_FILE, made.to_json().encode())
    except OSError as error:
        raise TrainingError(
            f"{error.filename or folder}: {error.strerror}; choose a folder that can be written"
        ) from error
    return made


def _golden_rows(test: Rows) -> F4Array:
    """Held-out rows spread over the test span, some with missing values where there are any, and one with nothing."""
    spread = np.linspace(0, len(test) - 1, _GOLDEN_ROWS - 9).astype(np.int64)
    gaps = np.flatnonzero(np.isnan(test.x).any(axis=1))
    some = gaps[np.linspace(0, len(gaps) - 1, 8).astype(np.int64)] if len(gaps) else spread[:8]
    nothing = np.full((1, test.x.shape[1]), np.nan, dtype=np.float32)
    return np.concatenate([test.x[np.union1d(spread, some)], nothing])
