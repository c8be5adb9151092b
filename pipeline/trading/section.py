"""What one bar time brings to a simulation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.bars import Adjustment, BarBatch
from schemas.fields import F8Array
from schemas.predictions import SERVING_ROLES, STATUSES, PredictionBatch
from schemas.signal_columns import SignalColumns

_OK = STATUSES.index("ok")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Section:
    """The cross-section of all partitions at one bar time (ns UTC), in any order of batches and symbols.

    ``bars``: first bars only (no corrections), each symbol once, all of one interval, closing at ``event_time``.
    ``splits``: those that became known since the section before; each waits for its symbol's first bar past its
    effective time. ``signals``: what was decided on these bars; they trade at later ones only.
    """

    event_time: int
    bars: tuple[BarBatch, ...]
    splits: tuple[Adjustment, ...] = ()
    signals: Sequence[SignalColumns] = ()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scores:
    """Expected log returns over ``horizon`` bars that one model gave n symbols at a bar time; ``score``: (n,)."""

    symbols: tuple[str, ...]
    horizon: int
    score: F8Array


def scores_of(predictions: Iterable[PredictionBatch]) -> tuple[Scores, ...]:
    """What the serving models themselves said at one bar time: no shadows, fallbacks or defaults.

    In the order of strategy, model and version: where two scored one symbol, the first counts.
    """
    found = []
    for batch in sorted(predictions, key=lambda one: (one.strategy, one.model, one.model_version)):
        if batch.role in SERVING_ROLES:
            own = np.flatnonzero(batch.status == _OK)
            symbols = batch.symbols if len(own) == len(batch.symbols) else tuple(batch.symbols[i] for i in own.tolist())
            found.append(Scores(symbols=symbols, horizon=batch.horizon, score=batch.score[own]))
    return tuple(found)
