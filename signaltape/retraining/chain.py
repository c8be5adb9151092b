"""The stages of a cycle: dataset, the model pipeline, and what is done with the model that comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.build import git_sha
from infra.crash_points import reach
from infra.errors import OperatorError
from infra.settings import Settings
from pipeline.deployments import ModelRef
from signaltape.datasets import build_dataset
from signaltape.model_pipeline import Ended, PipelineStopped, Plan, start_run
from signaltape.model_pipeline.run import runs_folder
from signaltape.promotion.swaps import SwapOptions, promote
from signaltape.retraining.errors import StageStopped
from signaltape.retraining.looking import Look
from signaltape.retraining.recipe import recipe_of
from signaltape.rollout import NotReceived

#: What a cycle goes through after its look, in order; those of the model pipeline in its own words.
STAGES = ("recipe", "dataset", "pipeline", "decide")
#: Told which stage begins and what the one before has left.
Enter = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What came of a chain that went through: ``status`` is proposed or promoted; ``outcome`` says it in words."""

    status: str
    outcome: str
    challenger: ModelRef
    detail: Mapping[str, Any] = field(default_factory=dict)


def run_chain(settings: Settings, cycle_id: str, found: Look, enter: Enter, say: Callable[[str], None]) -> Made:
    """Make a model in the way of the live one, of the data known now, and see whether it may take its place.

    1. Recipe. 2. A dataset as of now. 3. The model pipeline: validate, test, train, evaluate (model tests, and the
    comparator against the live model), register, staging. 4. Promote, if the setting asks for it and every gate is
    open; else propose. Nothing before 4 touches what is live. Raises StageStopped naming the stage.
    """
    enter("recipe", {})
    recipe = _within("recipe", lambda: recipe_of(settings, found.live, found.now))  # 1.
    folder = cycle_folder(settings, cycle_id)
    enter("dataset", {"recipe": recipe.source})
    say(f"building a dataset as of now ({recipe.source})")
    manifest = _within(  # 2.
        "dataset", lambda: build_dataset(settings, recipe.request, folder / "dataset", git_sha=git_sha(), say=say)
    )
    reach("retraining.2_dataset")
    built = {"fingerprint": manifest.fingerprint, "rows": manifest.rows, "folder": str(folder / "dataset")}
    enter("pipeline", {"dataset": built})
    plan = Plan(
        dataset=str(folder / "dataset"),
        options=recipe.options,
        strategy=found.strategy,
        shadow=settings.retraining.shadow,
    )
    ended = _within("pipeline", lambda: start_run(settings, plan, runs_folder(settings), say))  # 3.
    challenger = _through(ended)
    reach("retraining.3_pipeline")
    details = {one.stage: one.detail for one in ended.reports}
    enter("decide", {"run_id": ended.run_id, "comparison": details["evaluate"]["comparison"]})
    return _decided(settings, cycle_id, found, challenger, details)  # 4.


def cycle_folder(settings: Settings, cycle_id: str) -> Path:
    """Where a cycle keeps its dataset."""
    return settings.home / "retraining" / cycle_id


def _within(stage: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except StageStopped:
        raise
    except OperatorError as error:
        raise StageStopped(stage, str(error)) from error


def _through(ended: Ended) -> ModelRef:
    """The registered model of a run that passed; StageStopped where it didn't."""
    failed = next((one for one in ended.reports if not one.passed), None)
    if failed is not None:
        compared = failed.detail.get("comparison") or {}
        rejected = failed.stage == "evaluate" and compared.get("decision") == "reject"
        again = f"; pipeline run {ended.run_id}" if rejected else f"; signaltape pipeline run --resume {ended.run_id}"
        raise StageStopped(failed.stage, f"{failed.reason}{again}", rejected=rejected)
    try:
        ended.require()
    except PipelineStopped as error:
        raise StageStopped("pipeline", str(error)) from error
    registered = next(one.detail for one in ended.reports if one.stage == "register")
    return ModelRef(name=registered["name"], version=registered["version"])


def _decided(
    settings: Settings, cycle_id: str, found: Look, challenger: ModelRef, details: Mapping[str, Mapping[str, Any]]
) -> Made:
    compared = details["evaluate"]["comparison"]
    verdict = f"{compared['decision']}: {'; '.join(compared['reasons'])}"
    by_hand = f"by hand: signaltape models promote {challenger} --strategy {found.strategy}"

    def proposed(why: str) -> Made:
        return Made(status="proposed", outcome=f"{challenger} proposed ({why}); {by_hand}", challenger=challenger)

    if compared["decision"] != "promote":
        return proposed(f"against {found.live} {verdict}")
    if settings.retraining.mode == "propose":
        return proposed(f"against {found.live} {verdict}; retraining.mode is propose")
    options = SwapOptions(reason=f"retraining cycle {cycle_id}: {found.decision.reason}")
    try:
        done = promote(settings, challenger, found.strategy, options)
    except NotReceived as error:  # the event is written: it may yet take effect everywhere
        raise StageStopped("decide", f"{challenger} was promoted, but {error}") from error
    except OperatorError as error:  # a gate is closed, or no instance can serve it: nothing was put in force
        return proposed(f"not promoted: {error}")
    reach("retraining.4_promoted")
    return Made(
        status="promoted",
        outcome=f"{challenger} is live for {found.strategy} in the place of {done.replaced} ({verdict})",
        challenger=challenger,
        detail={"event_id": done.activation.event.event_id, "control_offset": done.activation.event.control_offset},
    )
