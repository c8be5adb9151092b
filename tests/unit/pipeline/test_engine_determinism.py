"""Bit for bit: batching, order within a cross-section, snapshots and offline runs change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine import PartitionEngine
from pipeline.engine_types import EngineConfig, SnapshotRefused
from pipeline.offline import compute
from schemas.bars import Adjustment, BarBatch
from schemas.intervals import MINUTE
from tests.support.engine_log import ONE, OPEN, Bits, Market, bits, market, run

BARS, SYMBOLS = 48, 7
SPLIT = Adjustment(
    feed="f", source="v", symbol="S002", factor=2.0, effective_time=20 * MINUTE, available_time=21 * MINUTE
)


def made(seed: int) -> Market:
    return market(seed, BARS, SYMBOLS, gaps=0.08, no_volume=0.02)


def whole(source: Market) -> list[BarBatch]:
    return [source.batch(at) for at in range(BARS) if source.present[at].any()]


def reference(source: Market) -> Bits:
    found = bits(run([OPEN, SPLIT, *whole(source)]))
    assert len(found) > 20 * SYMBOLS
    return found


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1_000), draw=st.integers(0, 2**32 - 1))
def test_any_batching_and_any_order_within_a_cross_section(seed: int, draw: int) -> None:
    source, rng = made(seed), np.random.default_rng(draw)
    messages: list[BarBatch] = []
    for at in range(BARS):
        columns = rng.permutation(np.flatnonzero(source.present[at]))
        cuts = np.sort(rng.integers(0, columns.shape[0] + 1, rng.integers(0, 4)))
        messages += [source.batch(at, part.tolist()) for part in np.split(columns, cuts) if part.shape[0]]
    assert bits(run([OPEN, SPLIT, *messages])) == reference(source)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_symbol_after_symbol_equals_cross_sections(seed: int) -> None:
    """Order across symbols is free as well: each symbol's bars in its own order are enough."""
    source = made(seed)
    messages = [
        source.batch(at, [place])
        for place in range(SYMBOLS)
        for at in np.flatnonzero(source.present[:, place]).tolist()
    ]
    assert bits(run([OPEN, SPLIT, *messages])) == reference(source)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1_000), stops=st.lists(st.integers(1, BARS), min_size=1, max_size=4))
def test_snapshot_restore_continue_equals_never_having_stopped(seed: int, stops: list[int]) -> None:
    source = made(seed)
    messages = [OPEN, SPLIT, *whole(source)]
    expected = run(messages)
    engine, steps = PartitionEngine(ONE), []
    for offset, message in enumerate(messages):
        if offset in stops:
            engine = PartitionEngine.restore(ONE, engine.snapshot())
        steps.append(engine.step(message, offset))
    assert bits(steps) == bits(expected)
    links = [[one.link for one in (*step.features, *step.returns)] for step in steps]
    assert links == [[one.link for one in (*step.features, *step.returns)] for step in expected]


def test_many_symbols_have_the_bits_that_each_has_alone() -> None:
    """Above and below the kernel's threshold, aligned and not, whole cross-sections and single bars."""
    source = market(5, 45, 260, gaps=0.05)
    together = bits(run([OPEN, *(source.batch(at) for at in range(45))]))
    for place in (0, 117, 259):
        alone = bits(run([OPEN, *(source.batch(at, [place]) for at in np.flatnonzero(source.present[:, place]))]))
        name = source.symbols[place]
        assert alone == {key: value for key, value in together.items() if key[2] == name}


def test_equal_states_give_equal_snapshots_whatever_the_batching() -> None:
    source = market(3, 70, 5)
    one, two = PartitionEngine(ONE), PartitionEngine(ONE)
    run([OPEN, *(source.batch(at) for at in range(70))], one)
    run([OPEN, *(source.batch(at) for at in range(69))], two)
    two = PartitionEngine.restore(ONE, two.snapshot())
    two.step(source.batch(69), 70)
    assert one.snapshot() == two.snapshot()
    assert PartitionEngine.restore(ONE, one.snapshot()).snapshot() == one.snapshot()


def test_the_snapshot_of_an_engine_that_saw_nothing() -> None:
    empty = PartitionEngine(ONE).snapshot()
    source = market(3, 40, 2)
    messages = [OPEN, *(source.batch(at) for at in range(40))]
    assert bits(run(messages, PartitionEngine.restore(ONE, empty))) == bits(run(messages))


@pytest.mark.parametrize(
    "config",
    [
        EngineConfig(partition=1, partitions=2),
        EngineConfig(partition=0, partitions=1, feature_sets=("minimal",)),
        EngineConfig(partition=0, partitions=1, horizons=(1, 5)),
        EngineConfig(partition=0, partitions=1, ring=32),
        EngineConfig(partition=0, partitions=1, primary_source="vendor"),
    ],
)
def test_a_snapshot_of_another_computation_is_refused(config: EngineConfig) -> None:
    with pytest.raises(SnapshotRefused, match="recompute"):
        PartitionEngine.restore(config, PartitionEngine(ONE).snapshot())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_offline_equals_the_log(seed: int) -> None:
    source = made(seed)
    table = compute(Columns(source), "1m", splits=(SPLIT,))
    found = reference(source)
    for row, symbol in enumerate(table.symbol.tolist()):
        time = str(table.event_time[row])
        parts = (table.values[row], table.valid[row], table.close[row], table.available_time[row])
        assert found[("feature", "core", symbol, "1m", time)] == b"".join(part.tobytes() for part in parts)
        for horizon, column in table.returns.items():
            stored = found.get(("return", str(horizon), symbol, "1m", time))
            assert np.isnan(column[row]) if stored is None else stored[:8] == column[row].tobytes()
    assert table.symbol.shape[0] == sum(key[0] == "feature" for key in found)


class Columns:
    """A market as the offline computation takes it, rows shuffled over symbols but in time order within each."""

    def __init__(self, source: Market) -> None:
        place, at = np.nonzero(source.present.T)
        self.symbol = np.array([source.symbols[one] for one in place], dtype=object)
        self.event_time = (at + 1) * MINUTE
        self.open, self.high = source.open[at, place], source.high[at, place]
        self.low, self.close = source.low[at, place], source.close[at, place]
        volume = source.volume[at, place]
        self.volume, self.volume_valid = np.nan_to_num(volume), ~np.isnan(volume)
