"""The stages up to a trained model: validate, test, train."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signaltape.feature_check import check_sets
from signaltape.model_pipeline.errors import StageFailed
from signaltape.model_pipeline.stand import Stand
from signaltape.training import Course, train_on_dataset
from signaltape.training.run_log import WarehouseRunLog, metrics_by_dataset, recorded
from signaltape.validation import baseline, frame_of_content, read_suite, validate

#: As many bars as it takes to cut each feature's future off twice.
_SEED, _CUTS = 7, 3


def validated(stand: Stand) -> Mapping[str, Any]:
    """The dataset is what its manifest says, holds nothing that could not be known, and meets every critical
    expectation."""
    dataset = stand.dataset
    frame = frame_of_content(dataset.content, dataset.manifest.request.as_of)
    rules = baseline(frame.features)
    suite = read_suite(Path(stand.plan.suite)).with_rules_of(rules) if stand.plan.suite else rules
    found = validate(frame, suite, dataset.manifest.fingerprint)
    detail = found.document()
    if not found.passed:
        raise StageFailed("; ".join(one.line() for one in found.of("failed")), detail)
    return detail


def tested(stand: Stand) -> Mapping[str, Any]:
    """The code that computes the dataset's features and labels sees no future and keeps the rules of a set."""
    name = stand.dataset.content.terms.feature_set
    report = check_sets(name, seed=_SEED, cuts=_CUTS)
    broken = [f"{verdict.kind} {verdict.name}" for verdict in report.verdicts if not verdict.passed]
    faults = [f"{of}: {one.feature} {one.detail}" for of, one in report.findings]
    detail = {"feature_set": name, "checked": len(report.verdicts), "see_the_future": broken, "faults": faults}
    if not report.passed:
        raise StageFailed(f"feature set {name}: {'; '.join([*broken, *faults])}", detail)
    return detail


def fitted(stand: Stand) -> Mapping[str, Any]:
    """A model in the run's folder, its run on record; a repetition writes over what a dead process left."""
    options, log = stand.plan.options, WarehouseRunLog(stand.settings)
    with recorded(log, options) as run_id:
        suite = read_suite(Path(stand.plan.suite)) if stand.plan.suite else None
        course = Course(search=stand.plan.search(), suite=suite, log=log, run_id=run_id, say=stand.say)
        trained = train_on_dataset(stand.dataset, options, stand.folder.model, course=course)
        stand.keep_trained(trained)
    return {
        "run_id": run_id,
        "family": options.family,
        "sha256": trained.manifest.sha256,
        "parameters": dict(trained.manifest.training.get("parameters", {})),
        "rows": dict(trained.manifest.training.get("rows", {})),
        "metrics": metrics_by_dataset(trained.metrics),
    }
