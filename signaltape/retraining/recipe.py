"""How the live model was made, so that the next one is made in the same way of newer data."""

from dataclasses import dataclass, replace
from typing import Any

from infra.scoring.registry import ModelRegistry
from infra.settings import Settings
from infra.warehouse.connection import Warehouse
from infra.warehouse.models import TrainingRun
from infra.warehouse.retraining import dataset_request
from pipeline.deployments import ModelRef
from schemas.intervals import DAY
from signaltape.datasets import DatasetRequest
from signaltape.datasets.manifest import request_of
from signaltape.retraining.errors import StageStopped
from signaltape.training import TrainOptions
from signaltape.training.reproduction import options_of

_MICROSECOND = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """``options`` of the training, ``request`` for a dataset; ``source`` says where they come from."""

    options: TrainOptions
    request: DatasetRequest
    source: str


def recipe_of(settings: Settings, live: ModelRef, as_of: int) -> Recipe:
    """The live model's own options, over data up to ``as_of`` (ns UTC).

    Of a model that was made of a registered dataset, its request with a later end; of one made of a file of bars, the
    same feature set, interval and horizon from its first bar on. With ``retraining.span_days`` the data begin so long
    before ``as_of``. Raises StageStopped for a model that was made elsewhere, UnknownModel.
    """
    registry = ModelRegistry(settings)
    found = registry.get_model(live.name, live.version)
    if not found.runs:
        raise StageStopped(
            "recipe",
            f"{live} was made elsewhere: how isn't known here. Train its successor as it was made, register it, and "
            f"`signaltape models compare` it",
        )
    run = found.runs[-1]
    with Warehouse(settings, "signaltape-retraining") as warehouse:
        asked = warehouse.run(lambda connection: dataset_request(connection, run.dataset_fingerprint))
    options = options_of(run)
    if asked is not None:
        base = request_of(asked)
        source = f"run {run.run_id} over dataset {run.dataset_fingerprint[:12]}"
    else:
        base = _request_for(options, run, tuple(found.manifest.intervals))
        source = f"run {run.run_id} over bars that are no registered dataset"
    after = as_of - round(settings.retraining.span_days * DAY) if settings.retraining.span_days else base.after
    # The set's newest version: what the running agents compute, and so what a new model will be given.
    request = replace(base, after=after, until=as_of, as_of=as_of, version=None, cut=True)
    return Recipe(options=options, request=request, source=source)


def _request_for(options: TrainOptions, run: TrainingRun, intervals: tuple[str, ...]) -> DatasetRequest:
    if len(intervals) != 1:
        raise StageStopped(
            "recipe",
            f"the run {run.run_id} learnt from the intervals {', '.join(intervals) or 'none'}; a dataset holds one: "
            "train with --dataset by hand",
        )
    values: dict[str, Any] = {"after": run.data_from - _MICROSECOND, "until": run.data_to, "as_of": run.data_to}
    return DatasetRequest(
        **values, horizon=options.horizon, interval=intervals[0], feature_set=options.feature_set,
        features=options.features,
    )  # fmt: skip
