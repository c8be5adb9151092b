"""From bars to a model's folder, step by step."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from infra.build import git_sha
from infra.scoring.manifest import ModelManifest
from infra.warehouse.models import ModelMetric, TrainingRun
from producers.bar_table import BarTable
from signaltape.datasets.checking import CheckedDataset
from signaltape.model_tests import Evidence, ModelTestReport, check_folder
from signaltape.training.dataset import Dataset, Progress, Rows, build_dataset
from signaltape.training.errors import TrainingError
from signaltape.training.families import family_of
from signaltape.training.fitting import fit_model, judge
from signaltape.training.from_dataset import rows_of_dataset
from signaltape.training.options import TrainOptions
from signaltape.training.record import draft_manifest
from signaltape.training.splitting import Split, split_by_time
from signaltape.training.writing import check_folder_is_free, write_model


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
    validation rows, choose thresholds from training scores. 4. Compare ONNX and the native model on every
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
    check_folder_is_free(folder)


def _train_on(
    data: Dataset, options: TrainOptions, folder: Path, started: datetime, say: Callable[[str], None]
) -> Trained:
    split = split_by_time(data.rows, options.validation, options.test, options.minimum_rows)
    rows, split, dropped = _without_empty_columns(data.rows, split)
    say(f"fitting {options.family} to {len(split.train):,} rows of {len(rows.features)} features")
    model = fit_model(split, options, rows.x)  # 2. 3. 4.
    manifest = draft_manifest(data, split, options, model, dropped)
    say(f"judging it on {len(split.validation) + len(split.test):,} held-out rows")
    metrics = judge(split.spans, options, model.session)  # 5.
    manifest = write_model(folder, manifest, model, split.test)  # 6.
    say("running the model tests")
    evidence = Evidence(y=split.test.y, event_time=split.test.event_time)
    tests = check_folder(folder, manifest, split.test.x, evidence)  # 7.
    run = _run_record(data, options, started)
    return Trained(folder=folder, manifest=manifest, metrics=tuple(metrics), run=run, tests=tests)


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


def _without_empty_columns(rows: Rows, split: Split) -> tuple[Rows, Split, tuple[str, ...]]:
    """Leave out columns with fewer than 1 % of values in training (no volume, say): nothing can be learnt of them."""
    enough = np.mean(~np.isnan(split.train.x), axis=0) >= 0.01
    if not enough.any():
        raise TrainingError("no feature has a value in the training span")
    dropped = tuple(name for name, keep in zip(rows.features, enough, strict=True) if not keep)
    train, validation, test = (part.with_columns(enough) for part in (split.train, split.validation, split.test))
    return rows.with_columns(enough), replace(split, train=train, validation=validation, test=test), dropped
