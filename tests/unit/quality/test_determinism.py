"""Marks don't depend on how bars were batched, nor on restarts; features don't depend on the order of two vendors."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine import LogMessage, PartitionEngine
from pipeline.engine_types import ROW_STATUSES, Step
from pipeline.offline import cross_sections
from schemas.bars import BarBatch, Watermark, rows_of
from tests.support.bar_marks import Marks, marks_of
from tests.support.engine_log import ONE, OPEN, bits, market, run
from tests.unit.quality.test_independent import dirty_minutes

OPENED = Watermark(feed="offline", event_time=0, state="open")


def sections(seed: int) -> list[BarBatch]:
    table = dirty_minutes(seed, days=6, symbols=4)
    return list(cross_sections(table, "1m"))


def reference(batches: Sequence[BarBatch]) -> Marks:
    messages = [OPENED, *batches]
    found = marks_of(messages, run(messages))
    assert sum(map(bool, found.values())) > 20
    return found


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1_000), draw=st.integers(0, 2**32 - 1))
def test_any_batching_and_any_order_within_a_cross_section(seed: int, draw: int) -> None:
    batches, rng = sections(seed), np.random.default_rng(draw)
    messages: list[LogMessage] = [OPENED]
    for batch in batches:
        rows = rng.permutation(len(batch.symbols))
        cuts = np.sort(rng.integers(0, rows.shape[0] + 1, rng.integers(0, 3)))
        messages += [rows_of(batch, part) for part in np.split(rows, cuts) if part.shape[0]]
    assert marks_of(messages, run(messages)) == reference(batches)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1_000), stops=st.lists(st.integers(1, 500), min_size=1, max_size=5))
def test_snapshot_restore_continue_gives_the_same_marks(seed: int, stops: list[int]) -> None:
    batches = sections(seed)
    messages: list[LogMessage] = [OPENED, *batches]
    engine, steps = PartitionEngine(ONE), []
    for offset, message in enumerate(messages):
        if offset in stops:
            engine = PartitionEngine.restore(ONE, engine.snapshot())
        steps.append(engine.step(message, offset))
    assert marks_of(messages, steps) == reference(batches)


# --- two vendors ----------------------------------------------------------------------------------------------------


def two_vendors(seed: int, draw: int) -> list[BarBatch]:
    """The same closes from two vendors with other prices and holes, each in its own order, mixed at random."""
    rng = np.random.default_rng(draw)
    feeds = []
    for place, source in enumerate(("a", "b")):
        made = market(seed + place, 40, 4, gaps=0.1)
        batches = (made.batch(at, source=source, feed=source) for at in range(40) if made.present[at].any())
        feeds.append(list(batches))
    order = rng.permutation(np.repeat([0, 1], [len(feed) for feed in feeds]))
    places = [iter(feed) for feed in feeds]
    return [next(places[one]) for one in order.tolist()]


OPENINGS = [replace(OPEN, feed=name) for name in ("a", "b")]


def statuses(messages: Sequence[LogMessage], steps: Sequence[Step], source: str) -> set[str]:
    return {
        ROW_STATUSES[code]
        for message, step in zip(messages, steps, strict=True)
        if isinstance(message, BarBatch) and message.source == source and step.stored is not None
        for code in step.stored.status.tolist()
    }


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1_000), draws=st.tuples(*[st.integers(0, 2**32 - 1)] * 2))
def test_a_configured_primary_wins_whatever_arrives_first(seed: int, draws: tuple[int, int]) -> None:
    config = replace(ONE, primary_source="b")
    alone: list[LogMessage] = [*OPENINGS, *(one for one in two_vendors(seed, 0) if one.source == "b")]
    expected = run(alone, PartitionEngine(config))
    marks = marks_of(alone, expected)
    for draw in draws:
        messages = [*OPENINGS, *two_vendors(seed, draw)]
        steps = run(messages, PartitionEngine(config))
        assert bits(steps) == bits(expected)
        assert {key: value for key, value in marks_of(messages, steps).items() if key[2] == "b"} == marks
        assert statuses(messages, steps, "a") == {"secondary"}
        assert statuses(messages, steps, "b") == {"first"}
        assert not any(step.repairs or step.faults for step in steps)
        kept = sum(len(step.stored.rows) for step in steps if step.stored is not None)
        assert kept == sum(len(one.symbols) for one in messages if isinstance(one, BarBatch))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000), draw=st.integers(0, 2**32 - 1))
def test_without_a_primary_the_first_source_seen_of_a_symbol_wins(seed: int, draw: int) -> None:
    messages = [*OPENINGS, *two_vendors(seed, draw)]
    winner: dict[str, str] = {}
    for message in messages:
        if isinstance(message, BarBatch):
            for symbol in message.symbols:
                winner.setdefault(symbol, message.source)
    steps = run(messages)
    for message, step in zip(messages, steps, strict=True):
        if isinstance(message, BarBatch):
            assert step.stored is not None
            for row, code in zip(step.stored.rows.tolist(), step.stored.status.tolist(), strict=True):
                first = winner[message.symbols[row]] == message.source
                assert ROW_STATUSES[code] == ("first" if first else "secondary")
