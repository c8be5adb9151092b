"""Messages built from the bars of one symbol that were stepped again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.engine_types import masked
from pipeline.features import FeatureSet
from pipeline.returns import Matured
from schemas.bars import StateRepair
from schemas.features import FeatureBatch, ReturnBatch
from schemas.fields import F8Array

if TYPE_CHECKING:
    from pipeline.engine import PartitionEngine


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stepped:
    """One bar of the symbol, computed anew: index, times, close, all computed columns (1, width), what matured."""

    t: int
    event_time: int
    available_time: int
    close: float
    values: F8Array
    ripe: Sequence[Matured] = ()


def correction_features(
    engine: "PartitionEngine", repair: StateRepair, stepped: Sequence[Stepped], of: tuple[int, Sequence[FeatureSet]]
) -> tuple[FeatureBatch, ...]:
    """Correction batches by (set, event time); a set in which the symbol isn't warm yet has none.

    ``of``: the repair's offset, and the sets that are concerned.
    """
    offset, sets = of
    wanted = [(chosen, one) for chosen in sets for one in stepped if one.t >= chosen.warm_up]
    links = engine.features_chain.links(offset, len(wanted))
    batches = []
    for link, (chosen, one) in zip(links, wanted, strict=True):
        values, valid = masked(engine.columns_of(chosen.name, one.values))
        batch = FeatureBatch(
            link=link,
            feature_set=chosen.name,
            set_version=chosen.version,
            set_hash=chosen.hash,
            width=values.shape[1],
            interval=repair.interval,
            event_time=one.event_time,
            kind="correction",
            symbols=(repair.symbol,),
            values=values,
            valid=valid,
            close=np.array([one.close]),
            available_time=np.array([one.available_time], dtype=np.int64),
        )
        batches.append(batch)
    return tuple(batches)


def correction_returns(
    engine: "PartitionEngine", repair: StateRepair, stepped: Sequence[Stepped], offset: int
) -> tuple[ReturnBatch, ...]:
    """Correction batches by (horizon, event time)."""
    wanted = sorted(
        ((ripe, one) for one in stepped for ripe in one.ripe), key=lambda pair: (pair[0].horizon, pair[1].event_time)
    )
    return tuple(
        ReturnBatch(
            link=link,
            interval=repair.interval,
            horizon=ripe.horizon,
            event_time=one.event_time,
            available_time=one.available_time,
            kind="correction",
            symbols=(repair.symbol,),
            prediction_time=ripe.prediction_time,
            log_return=ripe.log_return,
        )
        for link, (ripe, one) in zip(engine.returns_chain.links(offset, len(wanted)), wanted, strict=True)
    )
