"""Statistics of features per session: right numbers, independent of batching, kept over a restart."""

from itertools import pairwise

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.feature_stats import BINS, EDGES, SessionStats
from schemas.features import FeatureBatch
from schemas.intervals import DAY, SECOND, session_end, session_of
from schemas.link import Link
from tests.support.feature_chain import T0

SESSION = session_of(T0)


def batch(event_time: int, values: list[list[float]], valid: list[list[bool]] | None = None) -> FeatureBatch:
    table = np.array(values, dtype=np.float64).reshape(len(values), -1)
    return FeatureBatch(
        link=Link(position=(0, 0), last_part=0, previous=None), feature_set="core", set_version=1, set_hash="h",
        width=table.shape[1], interval="1m", event_time=event_time, kind="live",
        symbols=tuple(f"S{n}" for n in range(len(table))), values=table,
        valid=np.ones(table.shape, dtype=bool) if valid is None else np.array(valid),
        close=np.ones(len(table)), available_time=np.zeros(len(table), dtype=np.int64),
    )  # fmt: skip


def test_counts_and_moments() -> None:
    stats = SessionStats()
    stats.add(batch(T0, [[1e9 + 1, 0.5], [1e9 + 2, -0.5], [1e9 + 3, 0.0]], [[True, True], [True, True], [True, False]]))
    stats.add(batch(T0 + SECOND, [[1e9 + 6, 0.0]]))
    (message,) = stats.close(3, session_end(SESSION), {"core": ("a", "b")})
    assert (message.features, message.source_partition, message.session) == (("a", "b"), 3, SESSION)
    assert message.n.tolist() == [4, 3]
    assert message.mean == pytest.approx([1e9 + 3, 0.0])
    assert message.m2 == pytest.approx([14.0, 0.5])
    assert message.counts.sum(axis=1).tolist() == [4, 3]
    assert message.counts[0, BINS - 1] == 4  # the open outer bin holds what lies beyond the last edge
    assert message.counts[1, np.searchsorted(EDGES, 0.0, side="right")] == 1  # at an edge: the bin above


def test_a_session_closes_at_its_last_instant_and_not_before() -> None:
    stats = SessionStats()
    stats.add(batch(T0, [[1.0]]))
    stats.add(batch(T0 + DAY, [[1.0]]))
    assert stats.close(0, session_end(SESSION) - 1, {}) == []
    assert [m.session for m in stats.close(0, session_end(SESSION), {})] == [SESSION]
    assert [m.session for m in stats.close(0, None, {})] == [SESSION + 1]
    assert stats.close(0, None, {}) == []


cell = st.tuples(st.floats(-1e6, 1e6), st.booleans())
table = st.lists(st.lists(cell, min_size=2, max_size=2), min_size=1, max_size=12)


@given(rows=table, cuts=st.lists(st.integers(1, 11), max_size=4), restart=st.booleans())
@settings(max_examples=100, deadline=None)
def test_neither_batching_nor_a_restart_changes_bits(
    rows: list[list[tuple[float, bool]]], cuts: list[int], restart: bool
) -> None:
    values, valid = [[c[0] for c in row] for row in rows], [[c[1] for c in row] for row in rows]
    whole, parts = SessionStats(), SessionStats()
    whole.add(batch(T0, values, valid))
    edges = [0, *sorted({cut for cut in cuts if cut < len(rows)}), len(rows)]
    for start, end in pairwise(edges):
        parts.add(batch(T0, values[start:end], valid[start:end]))
        if restart:
            parts = SessionStats.restore(msgpack.unpackb(msgpack.packb(parts.state())))
    (expected,), (got,) = whole.close(0, None, {}), parts.close(0, None, {})
    for name in ("counts", "n", "mean", "m2"):
        assert getattr(expected, name).tobytes() == getattr(got, name).tobytes()
