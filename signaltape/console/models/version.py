"""One version: what it is for, how it was made and judged, what was decided about it, whether its files are whole."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from infra.errors import OperatorError
from infra.scoring.errors import ModelRefused
from infra.scoring.files import read_artifact
from infra.scoring.registry import ModelRegistry, RegisteredModel
from infra.settings import Settings
from infra.warehouse.bounded import read_bounded
from infra.warehouse.connection import Connection
from infra.warehouse.console_models import approvals_of, comparisons_of
from infra.warehouse.model_comparisons import Comparison
from infra.warehouse.model_stages import Approval, StageRecord, stages_of
from infra.warehouse.models import ModelArtifact, ModelMetric, TrainingRun
from infra.warehouse.moments import to_nanoseconds
from pipeline.deployments import ModelRef
from signaltape.model_card import CARD_FILE, IMPORTANCE_FILE
from signaltape.model_tests import MODEL_TESTS_FILE
from signaltape.model_tests import from_json as tests_from_json

_MOST = 50
_MOST_RUNS = 5
_PATIENCE_S = 4.0


def version_detail(settings: Settings, ref: ModelRef) -> dict[str, Any]:
    """Everything that is kept of a version. Raises UnknownModel, WarehouseUnavailable."""
    registry = ModelRegistry(settings)
    found = registry.get_model(ref.name, ref.version)

    def read(one: Connection) -> tuple[list[StageRecord], list[Approval], list[Comparison]]:
        return stages_of(one, ref.name), approvals_of(one, ref, _MOST), comparisons_of(one, ref, _MOST)

    stages, approved, compared = read_bounded(settings, read, patience_s=_PATIENCE_S)
    files = {one.kind: one for one in found.artifacts}
    manifest = found.manifest
    return {
        "model": str(ref),
        "registered_at": to_nanoseconds(found.created_at),
        "about": {
            "family": manifest.family or "external",
            "description": manifest.description,
            "strategy_type": manifest.strategy_type,
            "feature_set": f"{manifest.feature_set}:{manifest.set_version}",
            "set_hash": manifest.set_hash,
            "features": list(manifest.features),
            "irrelevant": list(manifest.irrelevant),
            "intervals": list(manifest.intervals),
            "horizon": manifest.horizon,
            "thresholds": asdict(manifest.thresholds),
            "deadline_ms": manifest.deadline_ms,
            "fallback": manifest.fallback,
            "sha256": manifest.sha256,
            "numerics": manifest.numerics,
        },
        "training": _training(found),
        "metrics": metric_table(found.metrics),
        "tests": _tests(registry, files.get(MODEL_TESTS_FILE)),
        "importance": _importance(registry, files.get(IMPORTANCE_FILE)),
        "card": CARD_FILE in files,
        "files": [_file(registry, one) for one in found.artifacts],
        "runs": [_run(one) for one in found.runs[-_MOST_RUNS:]],
        "stages": [_stage(one) for one in stages if one.ref == ref][-_MOST:],
        "approvals": [_approval(one) for one in approved],
        "comparisons": [_comparison(one) for one in compared],
    }


def card_of(settings: Settings, ref: ModelRef) -> bytes | None:
    """The model card as it was registered, checked; None where there is none. Raises UnknownModel, ArtifactChanged."""
    registry = ModelRegistry(settings)
    for one in registry.get_model(ref.name, ref.version).artifacts:
        if one.kind == CARD_FILE:
            return read_artifact(registry.artifacts, one.path, one.sha256)
    return None


def metric_table(metrics: Sequence[ModelMetric]) -> dict[str, Any]:
    """Metrics by data set with their intervals; the newest value of each counts."""
    newest = {(one.dataset, one.metric): one for one in metrics}
    names = [name for name in dict.fromkeys(one.metric for one in metrics) if not name.endswith(("_low", "_high"))]
    datasets = list(dict.fromkeys(one.dataset for one in metrics))

    def value(dataset: str, name: str) -> float | None:
        one = newest.get((dataset, name))
        return None if one is None else one.value

    rows = [
        {
            "metric": name,
            "higher_is_better": next(one.higher_is_better for one in metrics if one.metric == name),
            "values": {
                dataset: [value(dataset, name), value(dataset, f"{name}_low"), value(dataset, f"{name}_high")]
                for dataset in datasets
            },
        }
        for name in names
    ]
    low = value("test", "rank_ic_low")
    return {"datasets": datasets, "rows": rows, "not_told_from_chance": low is not None and low <= 0.0}


def _training(found: RegisteredModel) -> dict[str, Any] | None:
    training = found.manifest.training
    if not training:
        return None
    shown = ("target", "dataset_id", "dataset_fingerprint", "bars", "refused_bars", "late_rows_left_out", "rows",
             "seed", "parameters", "libraries", "features_left_out", "first_test_time")  # fmt: skip
    return {name: training[name] for name in shown if name in training}


def _tests(registry: ModelRegistry, file: ModelArtifact | None) -> dict[str, Any]:
    if file is None:
        return {"failure": "", "report": None}
    try:
        report = tests_from_json(read_artifact(registry.artifacts, file.path, file.sha256), file.path)
    except ModelRefused as error:
        return {"failure": str(error), "report": None}
    return {"failure": "", "report": {**report.document(), "passed": report.passed, "share": report.share}}


def _importance(registry: ModelRegistry, file: ModelArtifact | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        found: dict[str, Any] = json.loads(read_artifact(registry.artifacts, file.path, file.sha256))
    except (ModelRefused, ValueError):
        return None  # the list of files says what is wrong with it
    return found


def _file(registry: ModelRegistry, one: ModelArtifact) -> dict[str, Any]:
    """``fault``: why the file isn't what was registered, "" if it is."""
    fault = ""
    try:
        read_artifact(registry.artifacts, one.path, one.sha256)
    except OperatorError as error:
        fault = str(error)
    return {"kind": one.kind, "path": one.path, "size": one.size, "sha256": one.sha256, "fault": fault}


def _run(one: TrainingRun) -> dict[str, Any]:
    return {
        "run_id": one.run_id,
        "data_from": one.data_from,
        "data_to": one.data_to,
        "git_sha": one.git_sha,
        "dataset": one.dataset_fingerprint,
        "started_at": to_nanoseconds(one.started_at),
        "finished_at": to_nanoseconds(one.finished_at),
        "parameters": dict(one.parameters),
    }


def _stage(one: StageRecord) -> dict[str, Any]:
    return {"stage": one.stage, "strategy": one.strategy, "at": to_nanoseconds(one.at), "by": one.by_whom,
            "reason": one.reason, "forced": one.forced, "other": one.other, "event_id": one.event_id}  # fmt: skip


def _approval(one: Approval) -> dict[str, Any]:
    return {"approval_id": one.approval_id, "action": one.action, "strategy": one.strategy, "replaces": one.replaces,
            "forced": one.forced, "reason": one.reason, "by": one.by_whom, "at": _ns(one.approved_at),
            "gates": _gates(one.verdict.get("gates", ()))}  # fmt: skip


def _gates(gates: Iterable[Any]) -> list[dict[str, Any]]:
    return [dict(one) for one in gates if isinstance(one, dict)]


def _comparison(one: Comparison) -> dict[str, Any]:
    detail = one.detail
    return {
        "comparison_id": one.comparison_id,
        "challenger": str(one.challenger),
        "champion": None if one.champion is None else str(one.champion),
        "strategy": one.strategy,
        "source": one.source,
        "data": one.data,
        "data_from": one.data_from,
        "data_to": one.data_to,
        "decision": one.decision,
        "at": _ns(one.compared_at),
        "by": one.by_whom,
        "reasons": [str(reason) for reason in detail.get("reasons", ())],
        "rows": detail.get("rows"),
        "times": detail.get("times"),
        "confidence": detail.get("confidence"),
        "metrics": list(detail.get("metrics", ())),
        "undefined": list(detail.get("undefined", ())),
    }


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else to_nanoseconds(moment)
