"""Chooses parameters from a grid, on rows that judge nothing else afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from math import prod
from typing import Any

import numpy as np

from infra.build import git_sha
from infra.warehouse.models import ModelMetric, TrainingRun
from signaltape.training.dataset import Dataset, Rows
from signaltape.training.errors import TrainingError
from signaltape.training.evaluation import METRICS
from signaltape.training.families import family_of
from signaltape.training.fitting import fit_model, judge
from signaltape.training.options import TrainOptions
from signaltape.training.run_log import RunLog, metrics_by_dataset, recorded
from signaltape.training.splitting import Split
from signaltape.training.walk_forward import SUMMARY, walk_forward

_MOST = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """Every combination of ``grid`` (parameter → values), judged by ``metric``.

    The judge is the mean over the folds of the walk-forward where the options ask for one, else the validation rows.
    The test rows take no part.
    """

    grid: Mapping[str, tuple[float, ...]]
    metric: str = "rank_ic"

    def __post_init__(self) -> None:
        if self.metric not in METRICS or self.metric == "rows":
            known = ", ".join(name for name in METRICS if name != "rows")
            raise TrainingError(f"no metric {self.metric!r} to choose by; there are {known}")
        if (count := prod(len(values) for values in self.grid.values())) > _MOST:
            raise TrainingError(f"the grid has {count:,} combinations; at most {_MOST} are tried")

    def combinations(self) -> list[dict[str, float]]:
        """All of them, the last parameter varying fastest."""
        return [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One combination; ``value`` is its metric, None with the ``reason`` why there is none."""

    parameters: Mapping[str, float]
    run_id: str
    value: float | None
    reason: str = ""

    def document(self) -> dict[str, Any]:
        """Plain values."""
        return {"parameters": dict(self.parameters), "value": self.value, "reason": self.reason, "run_id": self.run_id}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Ground:
    """What candidates are tried on, and where they are recorded: as runs of the run ``parent``."""

    data: Dataset
    rows: Rows
    split: Split
    log: RunLog
    parent: str


def search(
    ground: Ground, options: TrainOptions, wanted: Search, say: Callable[[str], None]
) -> tuple[TrainOptions, tuple[Candidate, ...]]:
    """The options with the best combination, and all that were tried; the first of equals wins.

    Each candidate is a run of its own. One that can't be trained is recorded with its reason and passed over; raises
    TrainingError if none can.
    """
    combinations = wanted.combinations()
    for one in combinations:
        family_of(options.family).parameters({**options.parameters, **one})
    tried = []
    for number, one in enumerate(combinations, start=1):
        named = ", ".join(f"{name}={value:g}" for name, value in one.items())
        chosen = replace(options, parameters={**options.parameters, **one})
        candidate = _tried(ground, chosen, wanted.metric)
        found = candidate.reason if candidate.value is None else f"{wanted.metric} {candidate.value:+.5f}"
        say(f"candidate {number} of {len(combinations)}: {named}: {found}")
        tried.append(replace(candidate, parameters=one))
    known = [one for one in tried if one.value is not None]
    if not known:
        raise TrainingError(f"no combination of the grid can be trained; the last one: {tried[-1].reason}")
    sign = 1.0 if METRICS[wanted.metric] else -1.0
    best = max(known, key=lambda one: sign * (one.value or 0.0))
    return replace(options, parameters={**options.parameters, **best.parameters}), tuple(tried)


def _tried(ground: Ground, options: TrainOptions, metric: str) -> Candidate:
    started = datetime.now(UTC)
    run_id = ""
    try:
        with recorded(ground.log, options, ground.parent) as run_id:
            metrics = _judged(ground, options)
            value = _value(metrics, metric, SUMMARY if options.walk_forward else "validation")
    except TrainingError as error:
        return Candidate(parameters=options.parameters, run_id=run_id, value=None, reason=str(error))
    ground.log.finish(options.name, run_record(ground.data, options, run_id, started, metrics))
    return Candidate(parameters=options.parameters, run_id=run_id, value=value)


def _judged(ground: Ground, options: TrainOptions) -> list[ModelMetric]:
    if options.walk_forward:
        return walk_forward(ground.rows, ground.split.boundaries[1], options)
    model = fit_model(ground.split, options)
    return judge({"validation": ground.split.validation}, options, model.session)


def _value(metrics: list[ModelMetric], metric: str, dataset: str) -> float:
    found = {one.metric: one.value for one in metrics if one.dataset == dataset}
    if not np.isfinite(found.get(metric, np.nan)):
        raise TrainingError(f"the rows of {dataset} give no {metric}: choose by another metric")
    return found[metric]


def run_record(
    data: Dataset, options: TrainOptions, run_id: str, started: datetime, metrics: list[ModelMetric]
) -> TrainingRun:
    """What is kept of a finished run."""
    return TrainingRun(
        run_id=run_id,
        parameters=options.document(),
        data_from=int(data.rows.event_time[0]),
        data_to=int(data.rows.matures.max()),
        git_sha=git_sha(),
        dataset_fingerprint=data.fingerprint,
        started_at=started,
        finished_at=datetime.now(UTC),
        metrics=metrics_by_dataset(metrics),
    )
