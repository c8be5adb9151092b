"""What is kept of a training run: the finished graph and all that was decided about it."""

from dataclasses import asdict, replace
from typing import Any

from infra.scoring.files import sha256_of
from infra.scoring.manifest import ModelManifest
from infra.scoring.numerics import host_fingerprint
from infra.scoring.session import Session
from pipeline.drift.population_stability import reference_of
from pipeline.drift.training_reference import to_plain
from signaltape.training.calibration import THRESHOLD_RULE
from signaltape.training.dataset import Dataset, Rows
from signaltape.training.drift_reference import drift_reference
from signaltape.training.fitting import FittedModel, scores_of
from signaltape.training.options import TrainOptions
from signaltape.training.provenance import library_versions
from signaltape.training.splitting import Split


def draft_manifest(
    data: Dataset, split: Split, options: TrainOptions, model: FittedModel, dropped: tuple[str, ...]
) -> ModelManifest:
    """The manifest but for its golden vectors; ``dropped``: columns left out because they are empty."""
    return ModelManifest(
        name=options.name,
        family=options.family,
        strategy_type=options.strategy_type,
        description=options.description,
        feature_set=options.feature_set,
        set_version=data.set_version,
        set_hash=data.set_hash,
        features=split.train.features,
        intervals=options.intervals or data.intervals,
        horizon=options.horizon,
        thresholds=model.thresholds,
        fallback=options.fallback,
        default_score=options.default_score,
        deadline_ms=options.deadline_ms,
        sha256=sha256_of(model.onnx),
        numerics=host_fingerprint(),
        psi_reference=reference_of(model.train_score),
        irrelevant=_irrelevant(split.train.features, model),
        training={
            **_rows_record(data, split, dropped),
            "target": options.target,
            "parameters": dict(model.parameters),
            "seed": options.seed,
            "threshold_rule": THRESHOLD_RULE.format(long=options.long_quantile, short=options.short_quantile),
            "calibration": model.head.document(),
            "onnx_against_native": asdict(model.parity),
            "native_files": sorted(model.files),
            "libraries": library_versions(),
        },
    )


def with_search(manifest: ModelManifest, metric: str, candidates: list[dict[str, Any]]) -> ModelManifest:
    """The manifest with what was tried before these parameters were chosen, and by which metric."""
    return replace(manifest, training={**manifest.training, "search": {"metric": metric, "candidates": candidates}})


def with_drift_reference(manifest: ModelManifest, rows: Rows, split: Split, session: Session) -> ModelManifest:
    """The manifest with what the model's drift will be judged against; models of several intervals have none."""
    if manifest.psi_reference is None or len(manifest.intervals) != 1:
        return manifest
    held_out = Rows.joined(split.validation, split.test)
    reference = drift_reference(
        rows,
        scores_of(session, rows.x).score,
        held_out,
        scores_of(session, held_out.x).score,
        sketch=manifest.psi_reference,
        horizon=manifest.horizon,
        feature_set=manifest.feature_set,
        set_version=manifest.set_version,
    )
    return replace(manifest, drift_reference=to_plain(replace(reference, sketch=None)))


def _irrelevant(features: tuple[str, ...], model: FittedModel) -> tuple[str, ...]:
    """Columns that no tree splits on; unknown, so none, for models that aren't trees."""
    splits = model.importance.get("split")
    return () if splits is None else tuple(name for name, count in zip(features, splits, strict=True) if count == 0)


def _source(data: Dataset) -> dict[str, Any]:
    if data.bars is None:
        return {"dataset_id": data.dataset_id, "late_rows_left_out": data.refused}
    return {"bars": data.bars, "refused_bars": data.refused}


def _rows_record(data: Dataset, split: Split, dropped: tuple[str, ...]) -> dict[str, Any]:
    return {
        "dataset_fingerprint": data.fingerprint,
        **_source(data),
        "unmatured_vectors_left_out": data.unmatured,
        "rows": {
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
            "embargoed": split.embargoed,
        },
        "first_validation_time": split.boundaries[0],
        "first_test_time": split.boundaries[1],
        "features_left_out": list(dropped),
    }
