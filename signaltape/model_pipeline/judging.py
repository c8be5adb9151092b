"""The stages from a trained model to staging: evaluate, register, deploy."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from infra.scoring.registry import ModelRegistry
from infra.scoring.scorer import Scorer
from infra.warehouse.connection import Connection, Warehouse
from infra.warehouse.model_comparisons import Comparison, add_comparison, newest_comparison
from infra.warehouse.model_stages import newest_stages
from infra.warehouse.training_runs import recorded_runs
from infra.who import current_user
from pipeline.comparison.verdict import NO_CHAMPION
from pipeline.deployments import ModelRef
from signaltape.comparison import LoadedModel, on_dataset, verdict_of
from signaltape.model_pipeline.errors import StageFailed
from signaltape.model_pipeline.stand import Stand
from signaltape.model_tests import MODEL_TESTS_FILE, from_json
from signaltape.promotion.history import read_decisions
from signaltape.promotion.shelf import to_staging
from signaltape.rollout import prepare
from signaltape.shadowing import start_shadow


def evaluated(stand: Stand) -> Mapping[str, Any]:
    """The model tests passed, and the comparator doesn't reject the model against the strategy's live one."""
    tests = from_json((stand.folder.model / MODEL_TESTS_FILE).read_bytes())
    detail: dict[str, Any] = {"model_tests": tests.document(), "comparison": None}
    if not tests.passed:
        raise StageFailed("; ".join(f"{one.name}: {one.detail}" for one in tests.failures), detail)
    if stand.plan.strategy:
        detail["comparison"] = compared = _compared(stand)
        if compared["decision"] == "reject":
            raise StageFailed(f"worse than {compared['champion']}: {'; '.join(compared['reasons'])}", detail)
    return detail


def _compared(stand: Stand) -> dict[str, Any]:
    """The comparison on the dataset's rows that neither model has learnt from, plain values."""
    champion = read_decisions(stand.settings).of(stand.plan.strategy).live
    if champion is None:
        return {"champion": None, "source": "none", "data": "", "span": [None, None], **asdict(NO_CHAMPION)}
    old = ModelRegistry(stand.settings).load(champion.name, champion.version)
    manifest = stand.manifest
    new = Scorer.load(stand.folder.model / manifest.onnx_file, manifest.sha256, manifest)
    material = on_dataset(stand.dataset, LoadedModel(*old), LoadedModel(manifest, new))
    found = verdict_of(stand.settings, material)
    times = material.answers.event_time
    span = [int(times[0]), int(times[-1])]
    return {"champion": str(champion), "source": "dataset", "data": material.data, "span": span, **found.detail()}


def registered(stand: Stand) -> Mapping[str, Any]:
    """The model is in the registry, with its metrics and its comparison; once, however often this is begun."""
    metrics, run = stand.trained()
    manifest = stand.manifest
    with Warehouse(stand.settings, "signaltape-pipeline") as warehouse:
        known = warehouse.run(lambda connection: recorded_runs(connection, manifest.name))
    version = next((one.version for one in known if one.run_id == run.run_id and one.version is not None), None)
    if version is None:
        version = ModelRegistry(stand.settings).register(stand.folder.model, manifest, metrics, run)
    ref = ModelRef(name=manifest.name, version=version)
    number = _record_comparison(stand, ref)
    return {"name": ref.name, "version": ref.version, "sha256": manifest.sha256, "comparison_id": number}


def _record_comparison(stand: Stand, ref: ModelRef) -> int | None:
    found = stand.reports["evaluate"].detail["comparison"]
    if found is None:
        return None
    name, _, version = (found["champion"] or "").partition(":")
    champion = ModelRef(name=name, version=int(version)) if name else None
    record = Comparison(
        challenger=ref,
        champion=champion,
        strategy=stand.plan.strategy,
        source=found["source"],
        data=found["data"],
        data_from=found["span"][0],
        data_to=found["span"][1],
        decision=found["decision"],
        detail=found,
        by_whom=current_user(),
    )

    def add(connection: Connection) -> int:
        before = newest_comparison(connection, ref, champion)
        return add_comparison(connection, record) if before is None else before.comparison_id

    with Warehouse(stand.settings, "signaltape-pipeline") as warehouse:
        return warehouse.run(add)


def staged(stand: Stand) -> Mapping[str, Any]:
    """Every inference instance that runs has loaded the model, it is in staging, and shadows the strategy if asked to.

    Production is decided by hand; the report names the command.
    """
    ref, strategy = stand.registered, stand.plan.strategy
    ready = prepare(stand.settings, ref, allow_none=True)
    with Warehouse(stand.settings, "signaltape-pipeline") as warehouse:
        stage = warehouse.run(newest_stages).get(ref)
    if stage is None or stage.stage != "staging":
        to_staging(stand.settings, ref, reason=f"pipeline run {stand.folder.run_id}")
    if stand.plan.shadow and ref not in read_decisions(stand.settings).deployments.of(strategy).shadows:
        start_shadow(stand.settings, strategy, ref, reason=f"pipeline run {stand.folder.run_id}")
    where = f" --strategy {strategy}" if strategy else ""
    return {
        "model": str(ref),
        "stage": "staging",
        "instances": [one.instance for one in ready],
        "shadow_of": strategy if stand.plan.shadow else None,
        "next": f"signaltape models promote {ref}{where}",
    }
