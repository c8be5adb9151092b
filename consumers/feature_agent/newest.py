"""From the feature batches of a round to the newest vector of each symbol."""

from collections.abc import Iterable

import numpy as np

from consumers.feature_agent.work import Vectors
from pipeline.engine_types import LatestVectors
from schemas.features import FeatureBatch


def newest_vectors(partition: int, batches: Iterable[FeatureBatch]) -> list[Vectors]:
    """Return the last vector of each symbol, per set, version and interval; ``batches`` in log order.

    Corrections count as well: those of one repair are in order of event time, and end with the symbol's last bar.
    """
    groups: dict[tuple[str, int, str], list[FeatureBatch]] = {}
    for batch in batches:
        if batch.symbols:
            groups.setdefault((batch.feature_set, batch.set_version, batch.interval), []).append(batch)
    return [
        Vectors(partition=partition, feature_set=name, set_version=version, interval=interval, vectors=_merge(group))
        for (name, version, interval), group in groups.items()
    ]


def _merge(batches: list[FeatureBatch]) -> LatestVectors:
    """Join the batches; of several rows of a symbol the last one counts."""
    sizes = [len(batch.symbols) for batch in batches]
    symbols = [symbol for batch in batches for symbol in batch.symbols]
    last = dict(zip(symbols, range(len(symbols)), strict=True))
    places = np.fromiter(last.values(), np.int64, len(last))
    times = np.repeat(np.array([batch.event_time for batch in batches], dtype=np.int64), sizes)
    offsets = np.repeat(np.array([batch.link.position[0] for batch in batches], dtype=np.int64), sizes)
    return LatestVectors(
        symbols=tuple(last),
        event_time=times[places],
        source_offset=offsets[places],
        values=np.concatenate([batch.values for batch in batches])[places],
        valid=np.concatenate([batch.valid for batch in batches])[places],
        close=np.concatenate([batch.close for batch in batches])[places],
        available_time=np.concatenate([batch.available_time for batch in batches])[places],
    )
