"""Realised returns: the log return of a bar over h bars, known when the h-th bar after it closes."""

from dataclasses import dataclass

import numpy as np

from pipeline.engine_state import CLOSE_, FACTOR_, TIME_, IntervalState, Rows
from schemas.fields import F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Matured:
    """Returns over ``horizon`` bars that matured: rows of the cross-section (int64), prediction times, returns."""

    horizon: int
    rows: I8Array
    prediction_time: I8Array
    log_return: F8Array


def matured(state: IntervalState, rows: Rows, t: I8Array, horizons: I8Array) -> list[Matured]:
    """Return what matured with the bars of index ``t`` (int64 (n,)) just kept at ``rows``; only non-empty horizons.

    ln(c[t]) − ln(c[t−h] / Π factors), the factors of the splits between the two bars multiplied in time order.
    ``horizons``: int64 (k, 1), in bars.
    """
    oldest = int(np.minimum.reduce(t))
    slots = (t - horizons) % state.raw
    then = state.bars[rows.index, slots]
    now = np.log(state.bars[rows.index, t % state.raw, CLOSE_])
    values = now - np.log(then[:, :, CLOSE_] / then[:, :, FACTOR_])
    times = state.stamps[rows.index, slots, TIME_]
    found = []
    for place, horizon in enumerate(horizons[:, 0].tolist()):
        ripe = np.arange(t.shape[0]) if oldest >= horizon else np.flatnonzero(t >= horizon)
        if ripe.shape[0]:
            matured_here = Matured(
                horizon=horizon, rows=ripe, prediction_time=times[place, ripe], log_return=values[place, ripe]
            )
            found.append(matured_here)
    return found
