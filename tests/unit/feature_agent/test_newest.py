"""The newest vector of each symbol in a round."""

import numpy as np

from consumers.feature_agent.newest import newest_vectors
from schemas.features import FeatureBatch
from schemas.link import Link


def batch(offset: int, time: int, symbols: str, *, interval: str = "1m", kind: str = "live") -> FeatureBatch:
    n = len(symbols)
    return FeatureBatch(
        link=Link(position=(offset, 0), last_part=0, previous=None),
        feature_set="core",
        set_version=1,
        set_hash="h",
        width=2,
        interval=interval,
        event_time=time,
        kind=kind,
        symbols=tuple(symbols),
        values=np.full((n, 2), float(offset)),
        valid=np.ones((n, 2), dtype=bool),
        close=np.full(n, float(offset)),
        available_time=np.full(n, time, dtype=np.int64),
    )


def test_the_last_row_of_each_symbol_counts() -> None:
    (one,) = newest_vectors(3, [batch(5, 10, "AB"), batch(6, 20, "BC"), batch(7, 20, "")])
    assert one.partition == 3
    assert one.vectors.symbols == ("A", "B", "C")
    assert one.vectors.source_offset.tolist() == [5, 6, 6]
    assert one.vectors.event_time.tolist() == [10, 20, 20]
    assert one.vectors.values[:, 0].tolist() == [5.0, 6.0, 6.0]


def test_intervals_are_apart_and_a_correction_replaces_its_vector() -> None:
    found = newest_vectors(
        0, [batch(1, 10, "A"), batch(2, 10, "A", interval="1s"), batch(3, 10, "A", kind="correction")]
    )
    assert [(one.interval, one.vectors.source_offset.tolist()) for one in found] == [("1m", [3]), ("1s", [2])]
