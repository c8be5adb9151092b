"""Sets added to a log: their rows, and a state that is the former one wherever both have something."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.added_sets import AddedSets, AdditionRefused, narrowed
from pipeline.engine import PartitionEngine
from pipeline.engine_snapshot import dump_interval
from pipeline.engine_state import LAST
from schemas.bars import Adjustment
from schemas.codec import encode
from schemas.intervals import MINUTE
from tests.support.engine_log import ONE, OPEN, feature_batches, market, run

MARKET = market(7, 80, 5, gaps=0.1, no_volume=0.2)
SPLIT = Adjustment(
    feed="f", source="v", symbol="S002", factor=2.0, effective_time=40 * MINUTE, available_time=40 * MINUTE
)
LOG = [OPEN, SPLIT, *(MARKET.batch(at) for at in range(80))]
MINIMAL, CORE, BOTH = (replace(ONE, feature_sets=sets) for sets in (("minimal",), ("core",), ("core", "minimal")))


@pytest.mark.parametrize(("former", "added"), [(MINIMAL, "core"), (CORE, "minimal")])
@pytest.mark.parametrize("cut", [None, 41])
def test_rows_and_state_are_those_of_a_run_that_had_the_set(former, added: str, cut: int | None) -> None:  # type: ignore[no-untyped-def]
    before, whole = PartitionEngine(former), PartitionEngine(BOTH)
    run(LOG, before)
    wanted = [encode(one) for one in feature_batches(run(LOG, whole)) if one.feature_set == added and one.symbols]
    sets, found = AddedSets(BOTH, (added,)), []
    for offset, message in enumerate(LOG):
        if offset == cut:
            sets = AddedSets(BOTH, (added,), sets.engine.snapshot())
        found += [encode(one) for one in sets.take(message, offset)]
    assert found == wanted
    joined = PartitionEngine.restore(BOTH, sets.join(before))
    assert joined.features_chain.last == before.features_chain.last != whole.features_chain.last
    joined.features_chain = whole.features_chain
    assert joined.snapshot() == whole.snapshot()


def test_a_state_that_the_log_does_not_give_is_refused_by_symbol() -> None:
    for what, message in (("state", "S003 at 1m: its state"), ("marks", "S003 at 1m: its marks")):
        former, sets = PartitionEngine(replace(MINIMAL, feature_sets=("core",))), AddedSets(BOTH, ("minimal",))
        run(LOG, former)
        for offset, one in enumerate(LOG):
            sets.take(one, offset)
        state = former.states["1m"]
        place = state.places["S003"]
        if what == "state":
            state.state[0, place] = np.nextafter(state.state[0, place], np.inf)
        else:
            state.marks[LAST, place] += 1
        with pytest.raises(AdditionRefused, match=message):
            sets.join(former)


def test_a_log_with_another_beginning_is_refused() -> None:
    former, sets = PartitionEngine(MINIMAL), AddedSets(BOTH, ("core",))
    run(LOG, former)
    run([OPEN, MARKET.batch(3, [1]), *LOG[6:]], sets.engine)
    with pytest.raises(AdditionRefused, match="its symbols at 1m"):
        sets.join(former)


def test_narrowing_to_the_same_plan_changes_nothing() -> None:
    engine = PartitionEngine(BOTH)
    run(LOG, engine)
    state = engine.states["1m"]
    assert dump_interval(narrowed(state, engine.plan)) == dump_interval(state)
