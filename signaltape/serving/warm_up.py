"""From recent bars of one symbol to its newest vector, by the engine of the log."""

import numpy as np

from pipeline.engine_types import LatestVectors
from pipeline.features import FEATURE_SETS
from pipeline.offline import compute
from pipeline.routing.model_port import ModelTerms
from producers.bar_checks import faults
from producers.bar_table import BarTable
from signaltape.serving.errors import ServingError


def newest_vector(bars: BarTable, terms: ModelTerms) -> LatestVectors:
    """The vector of the last bar, shape (1, width). Recursive features begin with the first bar.

    ``bars``: one symbol's, each of which closes after the one before. Raises ``ServingError`` naming the bar's field
    for what is no bar, and where there are too few to warm the model's feature set up.
    """
    _check(bars)
    chosen = FEATURE_SETS[terms.feature_set]
    if len(bars) <= chosen.warm_up:
        raise ServingError(
            "too_few_bars", f"{len(bars)} bars don't warm up {chosen.name}: {chosen.warm_up + 1} or more do", "bars"
        )
    table = compute(bars, bars.interval, chosen.name, horizons=(1,))
    if table.faults or not table.event_time.shape[0] or table.event_time[-1] != bars.event_time[-1]:
        what = table.faults[0].detail if table.faults else "the engine made no vector of the last bar"
        raise ServingError("invalid_bar", what, "bars")
    return LatestVectors(
        symbols=(str(table.symbol[-1]),),
        event_time=table.event_time[-1:],
        source_offset=np.zeros(1, dtype=np.int64),
        values=table.values[-1:],
        valid=table.valid[-1:],
        close=table.close[-1:],
        available_time=table.available_time[-1:],
    )


def _check(bars: BarTable) -> None:
    order = np.flatnonzero(np.diff(bars.event_time) <= 0)
    if order.shape[0]:
        raise ServingError("invalid_bar", "must close after the bar before", f"bars[{order[0] + 1}].event_time")
    for what, mask in faults(bars):
        if mask.any():
            raise ServingError("invalid_bar", what, f"bars[{int(np.flatnonzero(mask)[0])}]")
