"""What shadows say beside the models that serve, on the records of one source message."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.routing.decision import OK
from schemas.fields import I8Array
from schemas.predictions import SERVING_ROLES, PredictionBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class ShadowDifference:
    """One shadow's record: ``rows`` that both sides answered themselves, and of those the ones that differ."""

    strategy: str
    model: str
    model_version: int
    rows: int
    score_differs: int
    direction_differs: int


def compare_shadows(batches: Sequence[PredictionBatch], tolerance: float) -> Iterator[ShadowDifference]:
    """Compare each shadow's record with the live model's and the arm's of the same strategy.

    ``batches``: the records of one source message. Scores differ where they are more than ``tolerance`` apart.
    """
    for shadow in batches:
        if shadow.role == "shadow":
            served = [one for one in batches if one.role in SERVING_ROLES and one.strategy == shadow.strategy]
            yield _compare(shadow, served, tolerance)


def _compare(shadow: PredictionBatch, served: Sequence[PredictionBatch], tolerance: float) -> ShadowDifference:
    rows = score_differs = direction_differs = 0
    for batch in served:
        ours, theirs = _common(batch, shadow)
        both = (batch.status[ours] == OK) & (shadow.status[theirs] == OK)
        ours, theirs = ours[both], theirs[both]
        apart = np.abs(batch.score[ours] - shadow.score[theirs]) > tolerance
        other = batch.direction[ours] != shadow.direction[theirs]
        rows += len(ours)
        score_differs += int(apart.sum())
        direction_differs += int(other.sum())
    return ShadowDifference(
        strategy=shadow.strategy,
        model=shadow.model,
        model_version=shadow.model_version,
        rows=rows,
        score_differs=score_differs,
        direction_differs=direction_differs,
    )


def _common(batch: PredictionBatch, shadow: PredictionBatch) -> tuple[I8Array, I8Array]:
    """Row numbers of the symbols that both have, in the order of ``batch``."""
    if batch.symbols == shadow.symbols:
        every = np.arange(len(batch.symbols))
        return every, every
    places = {symbol: row for row, symbol in enumerate(shadow.symbols)}
    pairs = [(row, places[symbol]) for row, symbol in enumerate(batch.symbols) if symbol in places]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]
