"""From bars to a model's folder, step by step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from infra.scoring.manifest import ModelManifest
from infra.warehouse.models import ModelMetric, TrainingRun
from producers.bar_table import BarTable
from signaltape.datasets.checking import CheckedDataset
from signaltape.model_card import Evaluation
from signaltape.model_tests import Evidence, ModelTestReport, check_folder
from signaltape.training.dataset import Dataset, Progress, Rows, build_dataset, frame_of
from signaltape.training.errors import TrainingError
from signaltape.training.families import family_of
from signaltape.training.fitting import fit_model, judge
from signaltape.training.from_dataset import rows_of_dataset
from signaltape.training.options import TrainOptions
from signaltape.training.record import draft_manifest, with_drift_reference, with_search
from signaltape.training.run_log import NoRunLog, RunLog
from signaltape.training.search import Candidate, Ground, Search, run_record, search
from signaltape.training.splitting import Split, split_by_time
from signaltape.training.walk_forward import walk_forward
from signaltape.training.writing import check_folder_is_free, write_model, write_reports
from signaltape.validation import Suite, Validation, baseline, validate
from signaltape.validation.deriving import MINIMUM_ROWS


def _silent(text: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """How training goes on beside its options.

    ``search``: choose parameters from a grid first. ``suite``: expectations that the data is checked against, beside
    the baseline's. ``log`` and ``run_id``: where candidates are recorded, and as what
    this run is. ``say`` is told what begins next.
    """

    search: Search | None = None
    suite: Suite | None = None
    log: RunLog = field(default_factory=NoRunLog)
    run_id: str = ""
    say: Callable[[str], None] = _silent


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A trained model, ready to register: ``ModelRegistry.register(folder, manifest, metrics, run)``."""

    folder: Path
    manifest: ModelManifest
    metrics: tuple[ModelMetric, ...]
    run: TrainingRun
    tests: ModelTestReport
    candidates: tuple[Candidate, ...] = ()


def train(
    tables: BarTable | Sequence[BarTable],
    options: TrainOptions,
    folder: Path,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] = _silent,
    course: Course | None = None,
) -> Trained:
    """Train one model from bars (one table per interval) and write its files into ``folder``, manifest last.

    ``progress`` follows the features (cross-sections done, all of them); ``course`` for more than one fit, else ``say``
    is enough.

    1. Features by the live engine, labels. 2. Check the data: a critical expectation that fails ends it here. 3. Split
    by time with an embargo of the horizon. With a grid: every combination, judged before the test span; the best goes
    on. 4. Fit on training rows; the target is scaled to unit size, the scale is put back inside the graph. Calibrate
    the confidence on validation rows, choose thresholds from training scores. 5. Compare ONNX and the native model on
    every row. 6. Judge the ONNX model on held-out rows, and walk forward if asked to. 7. Write model, golden vectors,
    native form and manifest. 8. Load what was written as a serving host would, and run the model tests on the test
    rows; write what was found, importance and model card.

    Equal bars and options give equal ONNX bytes. Raises TrainingError or ValidationError saying what is missing.
    """
    started = datetime.now(UTC)
    _check_before(options, folder)
    given = [tables] if isinstance(tables, BarTable) else list(tables)
    data = build_dataset(given, options, progress)  # 1.
    return _train_on(data, options, folder, started, course or Course(say=say))


def train_on_dataset(
    checked: CheckedDataset,
    options: TrainOptions,
    folder: Path,
    *,
    say: Callable[[str], None] = _silent,
    course: Course | None = None,
) -> Trained:
    """Train one model from a dataset on disk (`open_dataset` has compared its fingerprint); else as `train`.

    Equal fingerprint and options give equal ONNX bytes on one host. Raises TrainingError for another feature set
    than this program's or another horizon, ValidationError for fewer than 1,000 rows.
    """
    started = datetime.now(UTC)
    _check_before(options, folder)
    return _train_on(rows_of_dataset(checked, options), options, folder, started, course or Course(say=say))


def _check_before(options: TrainOptions, folder: Path) -> None:
    family_of(options.family).parameters(options.parameters)  # misspelt ones are told before the work
    check_folder_is_free(folder)


def _train_on(data: Dataset, options: TrainOptions, folder: Path, started: datetime, course: Course) -> Trained:
    say, run_id = course.say, course.run_id or course.log.begin(options)
    validation = _validated(data, options, course.suite)  # 2.
    split = split_by_time(data.rows, options.validation, options.test, options.minimum_rows)
    rows, split, dropped = _without_empty_columns(data.rows, split)
    candidates: tuple[Candidate, ...] = ()
    if course.search is not None:
        ground = Ground(data=data, rows=rows, split=split, log=course.log, parent=run_id)
        options, candidates = search(ground, options, course.search, say)  # 3.
    say(f"fitting {options.family} to {len(split.train):,} rows of {len(rows.features)} features")
    model = fit_model(split, options, rows.x)  # 4. 5.
    manifest = draft_manifest(data, split, options, model, dropped)
    if course.search is not None:
        manifest = with_search(manifest, course.search.metric, [one.document() for one in candidates])
    say(f"judging it on {len(split.validation) + len(split.test):,} held-out rows")
    metrics = judge(split.spans, options, model.session)  # 6.
    manifest = with_drift_reference(manifest, rows, split, model.session)
    if options.walk_forward:
        metrics += walk_forward(rows, split.boundaries[1], options, say)
    manifest = write_model(folder, manifest, model, split.test)  # 7.
    say("running the model tests")
    evidence = Evidence(y=split.test.y, event_time=split.test.event_time)
    tests = check_folder(folder, manifest, split.test.x, evidence)  # 8.
    run = run_record(data, options, run_id, started, metrics)
    found = Evaluation(tests=tests, metrics=metrics, validation=validation, made_by={"run": run_id, "git": run.git_sha})
    write_reports(folder, manifest, model, split.test, found)
    return Trained(
        folder=folder, manifest=manifest, metrics=tuple(metrics), run=run, tests=tests, candidates=candidates
    )


def _validated(data: Dataset, options: TrainOptions, suite: Suite | None) -> Validation:
    """The data checked. At least 1,000 rows of a dataset; of bars as many as the options say."""
    least = options.minimum_rows if data.bars is not None else max(options.minimum_rows, MINIMUM_ROWS)
    rules = baseline(data.rows.features, least)
    found = validate(frame_of(data), rules if suite is None else suite.with_rules_of(rules), data.fingerprint)
    found.raise_if_failed()
    return found


def _without_empty_columns(rows: Rows, split: Split) -> tuple[Rows, Split, tuple[str, ...]]:
    """Leave out columns with fewer than 1 % of values in training (no volume, say): nothing can be learnt of them."""
    enough = np.mean(~np.isnan(split.train.x), axis=0) >= 0.01
    if not enough.any():
        raise TrainingError("no feature has a value in the training span")
    dropped = tuple(name for name, keep in zip(rows.features, enough, strict=True) if not keep)
    train, validation, test = (part.with_columns(enough) for part in (split.train, split.validation, split.test))
    return rows.with_columns(enough), replace(split, train=train, validation=validation, test=test), dropped
