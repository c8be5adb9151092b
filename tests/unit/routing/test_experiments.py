"""A/B: each symbol is served by exactly one arm, the same one everywhere, and signals say by which model."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.deployments import ModelRef
from pipeline.experiments.assignment import arm_mask, place_of
from pipeline.routing.model_port import ModelUnavailable
from pipeline.routing.partition import Output
from schemas.intervals import SECOND
from schemas.predictions import PredictionBatch
from schemas.signals import Notice, Signal
from tests.support.feature_chain import SET, T0, Bench

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
SYMBOLS = tuple(f"SYM{number:03d}" for number in range(40))
LONG = dict.fromkeys(SYMBOLS, (0.9, 0.6))
FLAT = dict.fromkeys(SYMBOLS, (0.0, 0.6))


@pytest.fixture
def bench() -> Bench:
    """Strategy s with model m:1 live; m:2 and m:3 are registered."""
    bench = Bench()
    bench.activate(ref=bench.models.add(version=1))
    for version in (2, 3):
        bench.models.add(version=version)
    return bench


def start(bench: Bench, version: int = 2, **parameters: object) -> Output:
    terms = {"experiment": "x", "ratio": 0.5, **parameters}
    return bench.take(
        bench.writer.control("experiment", strategy="s", model="m", model_version=version, parameters=terms)
    )


def batches(output: Output) -> list[PredictionBatch]:
    return [item for item in output.predictions if isinstance(item, PredictionBatch)]


def served(output: Output) -> dict[str, tuple[str, int]]:
    """Symbol → (role, version) of the model whose row may become a signal; a symbol served twice fails."""
    found: dict[str, tuple[str, int]] = {}
    for batch in batches(output):
        if batch.role != "shadow":
            assert not set(batch.symbols) & set(found)
            found |= dict.fromkeys(batch.symbols, (batch.role, batch.model_version))
    return found


def signals(output: Output) -> dict[str, Signal]:
    return {one.symbol: one for one in output.signals if isinstance(one, Signal)}


@given(experiment=NAMES, ratio=st.floats(0.01, 0.99), symbols=st.lists(NAMES, unique=True, max_size=30))
@settings(max_examples=200, deadline=None)
def test_every_symbol_is_in_exactly_one_arm_whoever_is_asked_with_it(
    experiment: str, ratio: float, symbols: list[str]
) -> None:
    mask = arm_mask(experiment, ratio, tuple(symbols))
    assert mask.tolist() == [bool(arm_mask(experiment, ratio, (symbol,))[0]) for symbol in symbols]
    wider = arm_mask(experiment, (1 + ratio) / 2, tuple(symbols))
    assert not (mask & ~wider).any(), "a larger ratio only adds symbols"


@given(experiment=NAMES, ratio=st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_shares_lie_within_binomial_bounds(experiment: str, ratio: float) -> None:
    """Five standard deviations: a fair hash leaves them once in two million draws."""
    names = tuple(f"S{number}" for number in range(2_000))
    deviation = np.sqrt(len(names) * ratio * (1 - ratio))
    assert abs(int(arm_mask(experiment, ratio, names).sum()) - ratio * len(names)) < 5 * deviation


def test_assignments_of_two_experiments_are_independent() -> None:
    names = tuple(f"S{number}" for number in range(4_000))
    both = int((arm_mask("a", 0.5, names) & arm_mask("b", 0.5, names)).sum())
    assert abs(both - 1_000) < 5 * np.sqrt(4_000 * 0.25 * 0.75)


@pytest.mark.parametrize("seed", ["1", "77"])
def test_the_same_in_a_process_with_another_hash_seed(seed: str) -> None:
    program = (
        "from pipeline.experiments.assignment import place_of\n"
        f"print([place_of('x', symbol) for symbol in {SYMBOLS!r}], hash('x'))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert printed.startswith(repr([place_of("x", symbol) for symbol in SYMBOLS]))


def test_rows_go_to_their_arm_and_signals_say_which_model(bench: Bench) -> None:
    start(bench)
    output = bench.bar(0, LONG)
    of_arm = dict(zip(SYMBOLS, arm_mask("x", 0.5, SYMBOLS).tolist(), strict=True))
    assert 10 < sum(of_arm.values()) < 30
    assert served(output) == {symbol: ("arm", 2) if arm else ("live", 1) for symbol, arm in of_arm.items()}
    told = signals(output)
    assert {symbol: (one.model_version, one.models) for symbol, one in told.items()} == {
        symbol: (2, ("m:2",)) if arm else (1, ("m:1",)) for symbol, arm in of_arm.items()
    }
    assert {(one.strategy, one.reference_price) for one in told.values()} == {("s", 100.0)}
    assert {batch.experiment for batch in batches(output)} == {"x"}


def test_rows_keep_their_own_values(bench: Bench) -> None:
    start(bench)
    rows = {symbol: (number / 100, 0.5) for number, symbol in enumerate(SYMBOLS)}
    for batch in batches(bench.bar(0, rows)):
        assert batch.score.tolist() == [rows[symbol][0] for symbol in batch.symbols]


def test_capital_goes_into_the_position_scale(bench: Bench) -> None:
    bench.take(bench.writer.control("position_scale", strategy="s", parameters={"scale": 0.5}))
    start(bench, capital={"control": 0.4, "arm": 0.1})
    scales = {one.model_version: one.position_scale for one in signals(bench.bar(0, LONG)).values()}
    assert scales == {1: 0.5 * 0.8, 2: 0.5 * 0.2}


def test_nothing_changes_for_other_strategies(bench: Bench) -> None:
    bench.activate("t", bench.models.add("other"))
    start(bench)
    output = bench.bar(0, LONG)
    whole = next(batch for batch in batches(output) if batch.strategy == "t")
    assert (whole.symbols, whole.experiment) == (SYMBOLS, None)
    told = signals(output)
    assert {one.models for one in told.values()} == {("m:1", "other:1"), ("m:2", "other:1")}
    assert {one.strategy for one in told.values()} == {"s+t"}


def test_dedup_goes_on_over_start_and_stop(bench: Bench) -> None:
    """The window of a symbol belongs to the symbol, not to the model that serves it."""
    assert len(signals(bench.bar(0, LONG))) == len(SYMBOLS)
    start(bench)
    assert not signals(bench.bar(2, LONG))
    assert len(signals(bench.bar(3, FLAT))) == len(SYMBOLS)
    bench.take(bench.writer.control("experiment", strategy="s", parameters={"experiment": "x", "stop": True}))
    assert not signals(bench.bar(4, FLAT))
    assert set(served(bench.bar(5, FLAT)).values()) == {("live", 1)}


@pytest.mark.parametrize("action", ["activate", "rollback"])
def test_promotion_ends_the_experiment_at_its_bar(bench: Bench, action: str) -> None:
    start(bench)
    ended = bench.take(
        bench.writer.control(action, strategy="s", model="m", model_version=2, effective_from=T0 + 2 * SECOND)
    )
    (notice,) = ended.signals
    assert isinstance(notice, Notice)
    assert notice.detail == f"{action}: m:1 -> m:2, ends experiment x"
    assert set(served(bench.bar(1, LONG)).values()) == {("live", 1), ("arm", 2)}
    output = bench.bar(2, LONG)
    assert set(served(output).values()) == {("live", 2)}
    assert {batch.experiment for batch in batches(output)} == {None}


def test_notices_say_what_starts_and_stops(bench: Bench) -> None:
    (notice,) = start(bench, capital={"control": 0.9, "arm": 0.1}).signals
    assert isinstance(notice, Notice)
    assert (notice.kind, notice.model, notice.detail) == (
        "experiment", "m:2", "start x: ratio=0.5, position scale control=1 arm=0.2",
    )  # fmt: skip
    (refused,) = start(bench, ratio=2).signals
    assert isinstance(refused, Notice)
    assert refused.kind == "refused"


def test_an_arm_that_can_not_predict_holds_everything(bench: Bench) -> None:
    """Its symbols would go without signals in silence; no symbol of the partition needs to be the arm's for that."""
    start(bench, version=7)
    with pytest.raises(ModelUnavailable, match="m:7"):
        bench.bar(0, {"SYM000": (0.9, 0.5)})


def test_an_arm_on_another_feature_set(bench: Bench) -> None:
    bench.models.add("wide", feature_set="other")
    terms = {"experiment": "x", "ratio": 0.5}
    bench.take(bench.writer.control("experiment", strategy="s", model="wide", model_version=1, parameters=terms))
    output = bench.bar(0, LONG, sets=(SET, "other"))
    assert {(batch.role, batch.feature_set) for batch in batches(output)} == {("live", SET), ("arm", "other")}
    assert len(served(output)) == len(signals(output)) == len(SYMBOLS)


def test_shadows_see_all_rows_and_serving_records_name_them(bench: Bench) -> None:
    for version in (2, 3):
        bench.take(bench.writer.control("shadow", strategy="s", model="m", model_version=version))
    start(bench)
    found = batches(bench.bar(0, LONG))
    shadows = [batch for batch in found if batch.role == "shadow"]
    assert [(batch.model_version, batch.symbols) for batch in shadows] == [(2, SYMBOLS), (3, SYMBOLS)]
    assert {(batch.shadows, batch.experiment) for batch in shadows} == {(None, None)}
    assert {batch.shadows for batch in found if batch.role != "shadow"} == {("m:2", "m:3")}


def test_models_of_an_experiment_are_kept_ready(bench: Bench) -> None:
    start(bench)
    strategy = bench.inference.deployments.strategies[0]
    assert strategy.serving == (ModelRef(name="m", version=1), ModelRef(name="m", version=2))
    assert bench.inference.deployments.models() == strategy.serving
