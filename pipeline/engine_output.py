"""Messages built from one advanced cross-section."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.engine_state import CLOSE_, Advanced
from pipeline.engine_types import masked
from pipeline.features import FeatureSet
from pipeline.returns import Matured
from schemas.bars import BarBatch
from schemas.features import FeatureBatch, ReturnBatch
from schemas.fields import F8Array
from schemas.link import Link


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Source:
    """An advanced cross-section: the batch, the symbols of it that advanced, what that gave."""

    batch: BarBatch
    symbols: tuple[str, ...]
    advanced: Advanced


def feature_batches(
    source: Source, links: Sequence[Link], blocks: Sequence[tuple[FeatureSet, F8Array]]
) -> tuple[FeatureBatch, ...]:
    """Return one live batch per set, holding the symbols that are past the set's warm-up (possibly none).

    ``blocks``: each set with its values (n, width), NaN where undefined.
    """
    return tuple(
        _feature_batch(source, link, chosen, values) for link, (chosen, values) in zip(links, blocks, strict=True)
    )


def _feature_batch(source: Source, link: Link, chosen: FeatureSet, values: F8Array) -> FeatureBatch:
    batch, symbols, advanced = source.batch, source.symbols, source.advanced
    close, available = advanced.bars[CLOSE_], advanced.available
    if advanced.oldest < chosen.warm_up:
        warm = np.flatnonzero(advanced.t >= chosen.warm_up)
        symbols = tuple(symbols[row] for row in warm.tolist())
        values, close, available = values[warm], close[warm], available[warm]
    block, valid = masked(values)
    return FeatureBatch(
        link=link,
        feature_set=chosen.name,
        set_version=chosen.version,
        set_hash=chosen.hash,
        width=block.shape[1],
        interval=batch.interval,
        event_time=batch.event_time,
        kind="live",
        symbols=symbols,
        values=block,
        valid=valid,
        close=close,
        available_time=available,
    )


def return_batches(source: Source, links: Sequence[Link], found: Sequence[Matured]) -> tuple[ReturnBatch, ...]:
    """Return one live batch per horizon that matured for some symbol."""
    symbols, batch = source.symbols, source.batch
    return tuple(
        ReturnBatch(
            link=link,
            interval=batch.interval,
            horizon=one.horizon,
            event_time=batch.event_time,
            available_time=batch.available_time,
            kind="live",
            symbols=symbols if one.rows is None else tuple(symbols[row] for row in one.rows.tolist()),
            prediction_time=one.prediction_time,
            log_return=one.log_return,
        )
        for link, one in zip(links, found, strict=True)
    )
