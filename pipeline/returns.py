"""Realised returns: the log return of a bar over h bars, known when the h-th bar after it closes."""

from dataclasses import dataclass

import numpy as np

from pipeline.engine_state import LOG_, TIME_, Advanced, IntervalState, Rows
from schemas.fields import F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Matured:
    """Returns over ``horizon`` bars that matured: prediction times and returns of the symbols at ``rows``.

    ``rows`` (int64) are places in the cross-section, None for all of it.
    """

    horizon: int
    rows: I8Array | None
    prediction_time: I8Array
    log_return: F8Array


def matured(state: IntervalState, rows: Rows, advanced: Advanced, horizons: I8Array) -> list[Matured]:
    """Return what matured with the bars just kept at ``rows``; only non-empty horizons.

    ln(c[t]) − ln(c[t−h] / Π factors), the factors of the splits between the two bars multiplied in time order (the
    state holds that logarithm for each raw bar). ``horizons``: int64 (k, 1), in bars.
    """
    t = advanced.t
    slots = (t - horizons) % state.raw
    values = advanced.bars[LOG_] - state.bars[rows.index, slots, LOG_]
    times = state.stamps[rows.index, slots, TIME_]
    found = []
    for place, horizon in enumerate(horizons[:, 0].tolist()):
        if advanced.oldest >= horizon:
            one = Matured(horizon=horizon, rows=None, prediction_time=times[place], log_return=values[place])
        else:
            ripe = np.flatnonzero(t >= horizon)
            if not ripe.shape[0]:
                continue
            one = Matured(
                horizon=horizon, rows=ripe, prediction_time=times[place, ripe], log_return=values[place, ripe]
            )
        found.append(one)
    return found
