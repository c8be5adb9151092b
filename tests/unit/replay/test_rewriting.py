"""What the agents make of a rewritten log is what they made of the log itself, whatever was left out of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine import LogMessage
from pipeline.engine_types import Step
from pipeline.replay.offsets import OffsetMap
from pipeline.replay.rewriting import Rewriter
from schemas.bars import Adjustment, BarBatch, StateRepair, Watermark
from schemas.control import ControlEvent
from schemas.features import FeatureBatch, ReturnBatch
from schemas.intervals import MINUTE
from tests.support.engine_log import OPEN, market
from tests.support.repair_world import RepairWorld

MARKET = market(11, 150, 2)
KEPT = "S001"


@dataclass
class Recorded(RepairWorld):
    """A world that keeps its log, and what each message of it led to."""

    log: list[LogMessage] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def step(self, message: LogMessage) -> Step:
        step = super().step(message)
        self.log.append(message)
        self.steps.append(step)
        return step


def derived(steps: list[Step]) -> list[tuple[object, ...]]:
    """What was published of one symbol, in order, without offsets."""
    return [one for step in steps for batch in [*step.features, *step.returns] for one in _rows(batch)]


def _rows(batch: object) -> Iterator[tuple[object, ...]]:
    if isinstance(batch, FeatureBatch) and KEPT in batch.symbols:
        at = batch.symbols.index(KEPT)
        values = batch.values[at].tobytes() + batch.valid[at].tobytes() + batch.close[at].tobytes()
        yield batch.feature_set, batch.event_time, batch.kind, values
    if isinstance(batch, ReturnBatch) and KEPT in batch.symbols:
        at = batch.symbols.index(KEPT)
        yield batch.horizon, batch.event_time, batch.kind, batch.log_return[at].tobytes()


def played(ops: list[tuple[int, int]]) -> Recorded:
    """Bars of two symbols, together or one by one, with revisions, splits, and repairs that arrive later."""
    world, at, waiting = Recorded(), 0, list[StateRepair]()
    for kind, number in [(0, 1), (1, 2)] * 15 + ops:
        match kind:
            case 0 | 1:
                for columns in ([0], [1]) if kind else ([0, 1],):
                    world.step(MARKET.batch(at, columns))
                at += 1
            case 2:
                world.step(MARKET.batch(at, [0]))  # of the other symbol alone: nothing of it comes to the replay
                world.step(MARKET.batch(at, [1]))
                at += 1
            case 3:
                batch = MARKET.batch(at - 1 - number % 25, [number % 2])
                rest = {name: getattr(batch, name) * (1.0 + 1e-4 * number) for name in ("open", "high", "low", "close")}
                world.step(replace(batch, revision=1 + len(world.log), **rest))
            case 4:
                symbol = MARKET.symbols[number % 2]
                time = max(1, at - number % 12) * MINUTE
                world.step(
                    Adjustment(
                        feed="f", source="v", symbol=symbol, factor=2.0, effective_time=time, available_time=at * MINUTE
                    )
                )
            case 5:
                waiting += world.repairs()
            case _ if waiting:
                world.step(waiting.pop(0))
    for repair in waiting:
        world.step(repair)
    return world


@settings(max_examples=30, deadline=None)
@given(
    ops=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 40)), max_size=50),
    base=st.integers(0, 1_000),
)
def test_one_symbol_of_a_log_with_repairs_and_splits_gives_the_same_bits(ops: list[tuple[int, int]], base: int) -> None:
    """``base``: the log's first offset; as_of offsets count from there."""
    original = played([*ops, (3, 3), (5, 0), (2, 0), (6, 0), (0, 0)])
    rewriter, copy = Rewriter(1, {KEPT}), Recorded()
    for offset, message in enumerate(original.log):
        moved = message
        if isinstance(message, StateRepair):
            moved = _moved(message, base)
        made = rewriter.rewrite(0, base + offset, moved)
        if made is not None and offset:  # the new world has begun with the same first message
            copy.step(made.message)
    assert derived(copy.steps) == derived(original.steps)
    assert [one.outcome for one in copy.outcomes] == [one.outcome for one in original.outcomes if one.symbol == KEPT]
    assert any(one.outcome == "applied" for one in copy.outcomes)


def _moved(repair: StateRepair, base: int) -> StateRepair:
    """The repair as a log that begins at ``base`` has it."""
    from pipeline.replay.repairs import translated

    return translated(repair, lambda offset: offset + base if offset >= 0 else offset)


def test_a_repair_as_of_an_offset_before_the_first_message_is_one_of_no_message() -> None:
    world = played([(3, 3)])
    (repair,) = world.repairs()
    rewriter = Rewriter(1)
    made = rewriter.rewrite(0, 5_000, repair)
    assert made is not None
    assert isinstance(made.message, StateRepair)
    assert made.message.as_of_offset == -1


def test_rows_that_no_service_takes_are_left_out() -> None:
    batch = MARKET.batch(3)
    broken = replace(batch, close=np.array([batch.close[0], np.nan]))
    rewriter = Rewriter(1)
    made = rewriter.rewrite(0, 0, broken)
    assert made is not None
    assert isinstance(made.message, BarBatch)
    assert made.message.symbols == batch.symbols[:1]
    assert made.message.close.tolist() == batch.close[:1].tolist()
    assert rewriter.rewrite(0, 1, replace(broken, close=np.array([np.nan, np.nan]))) is None
    assert rewriter.rewrite(0, 2, batch).message is batch  # type: ignore[union-attr]


def event(offset: int, action: str = "pause") -> ControlEvent:
    return ControlEvent(
        event_id=f"e{offset}", action=action, effective_from=0, issued_at=1, issued_by="t", control_offset=offset
    )


def test_a_decision_is_written_once_and_has_the_same_offset_on_every_partition() -> None:
    rewriter = Rewriter(2)
    told = [rewriter.rewrite(p, o, event(c)) for p, o, c in ((0, 0, 7), (1, 4, 7), (0, 3, 9), (0, 4, 7), (1, 5, 9))]
    assert [one.message.control_offset for one in told] == [0, 0, 1, 0, 1]  # type: ignore[union-attr]
    assert [one.decision and one.decision.event_id for one in told] == ["e7", None, "e9", None, None]  # type: ignore[union-attr]
    assert all(one.decision is None or one.decision.control_offset == -1 for one in told if one is not None)


def test_a_decision_of_the_replays_own_stands_for_those_about_models() -> None:
    own = event(-1, "activate")
    rewriter = Rewriter(2, decision=own)
    first = rewriter.beginning()
    assert [(one.partition, one.decision) for one in first] == [(0, own), (1, None)]
    assert [one.message.control_offset for one in first] == [0, 0]  # type: ignore[union-attr]
    assert rewriter.rewrite(0, 0, event(0, "activate")) is None
    assert rewriter.rewrite(0, 1, event(1, "rollback")) is None
    assert rewriter.rewrite(0, 2, event(2)).message.control_offset == 1  # type: ignore[union-attr]
    assert Rewriter(1).beginning() == []


def test_watermarks_stay_as_they_are_and_an_event_that_was_never_relayed_is_none() -> None:
    rewriter = Rewriter(1, {KEPT})
    assert rewriter.rewrite(0, 0, OPEN).message is OPEN  # type: ignore[union-attr]
    assert isinstance(OPEN, Watermark)
    assert rewriter.rewrite(0, 1, event(-1)) is None


@given(st.lists(st.integers(0, 60), unique=True), st.integers(0, 3))
def test_offsets_against_a_list(originals: list[int], first: int) -> None:
    originals.sort()
    offsets = OffsetMap(first)
    assert [offsets.add(one) for one in originals] == list(range(first, first + len(originals)))
    for asked in range(-1, 62):
        before = [place for place, one in enumerate(originals) if one <= asked]
        assert offsets.at_or_before(asked) == (before[-1] + first if before else -1)


def test_a_partition_has_one_order() -> None:
    offsets = OffsetMap()
    offsets.add(5)
    with pytest.raises(ValueError, match="offset 5 comes after 5"):
        offsets.add(5)
