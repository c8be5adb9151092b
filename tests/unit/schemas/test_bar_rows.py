"""Some rows of a cross-section: every column goes with its symbol."""

import numpy as np
import pytest

from schemas.bars import BarBatch, rows_of

N = 5
BATCH = BarBatch(
    feed="f", source="s", interval="1m", event_time=60, available_time=61, revision=2,
    symbols=tuple("ABCDE"), open=np.arange(N) + 0.1, high=np.arange(N) + 0.2, low=np.arange(N) + 0.3,
    close=np.arange(N) + 0.4, volume=np.arange(N) + 0.5, volume_valid=np.arange(N) % 2 == 0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (slice(1, 3), [1, 2]),
        (np.array([True, False, False, False, True]), [0, 4]),
        (np.array([3, 1]), [3, 1]),
        (np.array([], dtype=np.int64), []),
    ],
)
def test_rows_of_a_batch(rows: slice, wanted: list[int]) -> None:
    part = rows_of(BATCH, rows)
    assert part.symbols == tuple("ABCDE"[row] for row in wanted)
    for at, name in enumerate(("open", "high", "low", "close", "volume"), 1):
        assert getattr(part, name).tolist() == [row + at / 10 for row in wanted]
    assert part.volume_valid.tolist() == [row % 2 == 0 for row in wanted]
    assert (part.feed, part.source, part.interval, part.event_time, part.available_time, part.revision) == (
        "f", "s", "1m", 60, 61, 2,
    )  # fmt: skip
