"""Can a model be made again, and is what stands in the registry true? Every item is looked up or computed anew."""

import math
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from infra.build import has_commit
from infra.scoring.errors import ModelRefused
from infra.scoring.files import read_checked
from infra.scoring.registry import ModelRegistry, RegisteredModel
from infra.scoring.scorer import columns_of
from infra.scoring.session import Session
from infra.settings import Settings
from infra.warehouse.connection import Warehouse
from infra.warehouse.models import ModelMetric, TrainingRun, metric_times
from pipeline.deployments import ModelRef
from signaltape.datasets.checking import CheckedDataset
from signaltape.training.errors import TrainingError
from signaltape.training.families import family_of
from signaltape.training.fitting import judge
from signaltape.training.from_dataset import rows_for_model
from signaltape.training.reproduction import options_of
from signaltape.training.splitting import split_by_time

#: Sums over rows are made in one order, but another host's numpy may add otherwise.
_TOLERANCE = 1e-9


class State(StrEnum):
    """``UNVERIFIED``: recorded, but nothing is at hand to hold it against."""

    VERIFIED = "verified"
    FAILED = "failed"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckItem:
    """One line: what it is about, whether it holds, and what was found."""

    name: str
    state: State
    detail: str


def check_model(settings: Settings, ref: ModelRef, checked: CheckedDataset | None = None) -> tuple[CheckItem, ...]:
    """Verify what is recorded of a version; ``checked``: the dataset that it was made of, if at hand.

    Source commit (is it there, without changes beside it?), feature set (does this release compute the same columns?),
    dataset (recomputed fingerprint), parameters (read as options of this release, equal to those in the manifest),
    weights (every file's SHA-256, golden vectors), metrics (computed again from the dataset with the registered
    weights), metrics over time (when they were measured). Raises UnknownModel.
    """
    registry = ModelRegistry(settings)
    found = registry.get_model(ref.name, ref.version)
    run = found.runs[-1] if found.runs else None
    with Warehouse(settings, "signaltape-checklist") as warehouse:
        times = warehouse.run(lambda connection: metric_times(connection, ref))
    return (*_items(registry, found, run, checked), _over_time(times))


def _items(
    registry: ModelRegistry, found: RegisteredModel, run: TrainingRun | None, checked: CheckedDataset | None
) -> Iterator[CheckItem]:
    yield _source(run)
    yield _features(found)
    yield _dataset(run, checked)
    yield _parameters(found, run)
    weights = _weights(registry, found)
    yield weights
    yield _metrics(registry, found, run, checked if weights.state is State.VERIFIED else None)


def _source(run: TrainingRun | None) -> CheckItem:
    name = "git SHA"
    if run is None:
        return _missing(name, "no training run is recorded: a model from elsewhere")
    if not run.git_sha:
        return _failed(name, "the source had no commit when the model was trained")
    if run.git_sha.endswith("+changes"):
        return _failed(name, f"{run.git_sha}: the source had changes that are in no commit")
    try:
        there = has_commit(run.git_sha)
    except (OSError, subprocess.SubprocessError):
        return _missing(name, f"{run.git_sha}: no repository is at hand to look it up in")
    if not there:
        return _failed(name, f"{run.git_sha} is no commit of this repository")
    return _verified(name, f"{run.git_sha} is a commit of this repository")


def _features(found: RegisteredModel) -> CheckItem:
    manifest = found.manifest
    said = f"{manifest.feature_set} v{manifest.set_version} {manifest.set_hash}"
    try:
        columns_of(manifest)
    except ModelRefused as error:
        return _failed("feature version", str(error))
    return _verified("feature version", f"{said}: this release computes the same {len(manifest.features)} columns")


def _dataset(run: TrainingRun | None, checked: CheckedDataset | None) -> CheckItem:
    name = "dataset fingerprint"
    if run is None:
        return _missing(name, "no training run is recorded")
    if checked is None:
        return _missing(name, f"{run.dataset_fingerprint} is recorded; give the dataset to compute it anew")
    if checked.manifest.fingerprint != run.dataset_fingerprint:
        return _failed(
            name, f"{checked.manifest.fingerprint} is that of the rows, recorded is {run.dataset_fingerprint}"
        )
    return _verified(name, f"{run.dataset_fingerprint} computed anew from {len(checked.content):,} rows")


def _parameters(found: RegisteredModel, run: TrainingRun | None) -> CheckItem:
    name = "parameters"
    if run is None:
        return _missing(name, "no training run is recorded")
    try:
        options = options_of(run)
        used = dict(family_of(options.family).parameters(options.parameters))
    except TrainingError as error:
        return _failed(name, str(error))
    kept = dict(found.manifest.training.get("parameters", {}))
    if used != kept or found.manifest.training.get("seed") != options.seed:
        return _failed(name, f"the run says {used} and seed {options.seed}, the manifest {kept}")
    told = ", ".join(f"{key}={value:g}" for key, value in used.items()) or "none"
    return _verified(name, f"{options.family}: {told}; seed {options.seed}: this release knows them all")


def _weights(registry: ModelRegistry, found: RegisteredModel) -> CheckItem:
    name = "weights' checksum"
    manifest = found.manifest
    try:
        registry.load(manifest.name, manifest.version)
    except ModelRefused as error:
        return _failed(name, str(error))
    return _verified(name, f"{manifest.sha256}, and {len(found.artifacts)} files as registered; golden vectors agree")


def _metrics(
    registry: ModelRegistry, found: RegisteredModel, run: TrainingRun | None, checked: CheckedDataset | None
) -> CheckItem:
    name = "metrics"
    held_out = [one for one in found.metrics if one.dataset in ("validation", "test")]
    if not held_out:
        return _failed(name, "no metric of held-out rows is recorded")
    if run is None or checked is None or checked.manifest.fingerprint != run.dataset_fingerprint:
        return _missing(name, f"{len(held_out)} values are recorded; they can be computed anew from the dataset only")
    now = {(one.dataset, one.metric): one.value for one in _judged_again(registry, found, run, checked)}
    known = {key: value for key, value in _newest(held_out).items() if key in now}
    wrong = [key for key, value in known.items() if not math.isclose(value, now[key], rel_tol=1e-6, abs_tol=_TOLERANCE)]
    if wrong or not known:
        what = ", ".join(f"{metric} on {where}: {known[where, metric]:g} recorded, {now[where, metric]:g} now"
                         for where, metric in wrong[:3])  # fmt: skip
        return _failed(name, what or "none of the recorded metrics can be computed by this release")
    return _verified(name, f"{len(known)} values on held-out rows computed anew, all equal")


def _judged_again(
    registry: ModelRegistry, found: RegisteredModel, run: TrainingRun, checked: CheckedDataset
) -> Sequence[ModelMetric]:
    manifest, options = found.manifest, options_of(run)
    place: Path = registry.folder(manifest.name, manifest.version) / manifest.onnx_file
    session = Session(read_checked(place, manifest.sha256), len(manifest.features), str(place))
    split = split_by_time(rows_for_model(checked, manifest), options.validation, options.test, options.minimum_rows)
    spans = {name: rows for name, rows in split.spans.items() if name in ("validation", "test")}
    return judge(spans, options, session)


def _over_time(times: Sequence[tuple[str, int, datetime, datetime]]) -> CheckItem:
    if not times:
        return _failed("metrics over time", "nothing was ever measured")
    told = [
        f"{dataset}: once, {first:%Y-%m-%d %H:%M}" if count == 1
        else f"{dataset}: {count} times from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
        for dataset, count, first, last in times
    ]  # fmt: skip
    return _verified("metrics over time", "; ".join(told))


def _newest(metrics: Sequence[ModelMetric]) -> dict[tuple[str, str], float]:
    return {(one.dataset, one.metric): one.value for one in metrics}


def _verified(name: str, detail: str) -> CheckItem:
    return CheckItem(name=name, state=State.VERIFIED, detail=detail)


def _failed(name: str, detail: str) -> CheckItem:
    return CheckItem(name=name, state=State.FAILED, detail=detail)


def _missing(name: str, detail: str) -> CheckItem:
    return CheckItem(name=name, state=State.UNVERIFIED, detail=detail)
