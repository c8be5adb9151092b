"""Walk-forward: the same choice of options judged on several later spans, each by a model of what came before it."""

from collections.abc import Callable

import numpy as np

from infra.warehouse.models import ModelMetric
from signaltape.training.dataset import Rows
from signaltape.training.fitting import fit_model, judge
from signaltape.training.options import TrainOptions
from signaltape.training.splitting import folds

#: Names of the metrics' data sets: of one fold, and of the mean over all.
FOLD, SUMMARY = "walk_forward_{}", "walk_forward"


def walk_forward(
    rows: Rows, until: int, options: TrainOptions, say: Callable[[str], None] = lambda text: None
) -> list[ModelMetric]:
    """Metrics of each of ``options.walk_forward`` folds, and their means under ``walk_forward``.

    Only rows whose label matured before ``until`` (ns UTC: the first test prediction) take part. See
    `splitting.folds`. Raises TrainingError where a span is too short.
    """
    found: list[ModelMetric] = []
    for number, fold in enumerate(folds(rows, options.walk_forward, until, options.minimum_rows), start=1):
        say(f"fold {number} of {options.walk_forward}: {len(fold.train):,} rows to learn, {len(fold.test):,} to judge")
        model = fit_model(fold, options)
        found += judge({FOLD.format(number): fold.test}, options, model.session)
    return found + _means(found, options.walk_forward)


def _means(found: list[ModelMetric], count: int) -> list[ModelMetric]:
    """Mean over the folds of each metric that all of them have; the ends of intervals have no mean."""
    by_name: dict[str, list[ModelMetric]] = {}
    for one in found:
        if not one.metric.endswith(("_low", "_high")):
            by_name.setdefault(one.metric, []).append(one)
    return [
        ModelMetric(
            dataset=SUMMARY,
            metric=name,
            value=float(np.mean([one.value for one in same])),
            higher_is_better=same[0].higher_is_better,
        )
        for name, same in by_name.items()
        if len(same) == count
    ]
