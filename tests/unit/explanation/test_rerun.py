"""Any bar, run anew from what is recorded about it, comes out as it was recorded; a changed record is seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.explanation.comparison import SCORES, Difference, bits, compare_calls, compare_signal, in_order
from pipeline.explanation.facts import Moment
from pipeline.explanation.rerun import OTHERS, rerun, vectors_as_stored
from pipeline.routing.model_port import Answer
from pipeline.routing.options import InferenceOptions, RouterOptions
from schemas.intervals import SECOND
from tests.support.explained_bench import ExplainedBench
from tests.support.feature_chain import SET, T0, ChainWriter, KnownModels

SYMBOLS = ("A", "B", "C")
row = st.tuples(st.sampled_from([-0.9, -0.5, 0.0, 0.3, 0.5, 0.9]), st.sampled_from([0.0, 0.2, 0.5, 0.8]))
rows = st.dictionaries(st.sampled_from(SYMBOLS), row, min_size=1)
events = st.sampled_from(
    [
        ("pause", {"symbols": ("A",)}),
        ("pause", {"strategy": "s"}),
        ("resume", {}),
        ("parameters", {"parameters": {"emit": "on_change"}}),
        ("parameters", {"parameters": {"dedup_window_ns": 2 * SECOND, "blocked_symbols": ["B"]}}),
        ("parameters", {"strategy": "t", "parameters": {"long": 0.2, "min_confidence": 0.4, "blocked_symbols": []}}),
        ("position_scale", {"symbols": ("A",), "parameters": {"scale": 0.25}}),
        ("experiment", {"strategy": "s", "model": "arm", "model_version": 1,
                        "parameters": {"experiment": "x", "ratio": 0.5}}),
        ("shadow", {"strategy": "t", "model": "arm", "model_version": 1}),
        ("activate", {"strategy": "s", "model": "n", "model_version": 1}),
    ]
)  # fmt: skip
step = st.one_of(
    st.tuples(st.just("bar"), st.integers(1, 6), rows, rows),
    st.tuples(st.just("control"), events, st.integers(0, 8)),
    st.tuples(st.just("silent"), st.booleans()),
)


class Replayed(KnownModels):
    """Models that answer where an answer is recorded."""

    def __init__(self, models: KnownModels, moment: Moment) -> None:
        super().__init__(models.models)
        self.silent = {one.ref for one in moment.rows if one.status != "ok"}

    def call(self, ref: Any, batch: Any) -> Any:
        if batch.symbols == (OTHERS,):
            return Answer(score=np.zeros(1), confidence=np.zeros(1))
        self.models[ref].silent = ref in self.silent
        return super().call(ref, batch)


def differences(bench: ExplainedBench, moment: Moment) -> list[Difference]:
    kept = {ref: one.silent for ref, one in bench.models.models.items()}
    calls, signal = rerun(moment, vectors_as_stored(moment, 9), Replayed(bench.models, moment), bench.options)
    for ref, silent in kept.items():
        bench.models.models[ref].silent = silent
    return [*compare_calls(moment, calls, exact=True), *compare_signal(moment, signal, exact=True)]


def benched(**router: object) -> ExplainedBench:
    bench = ExplainedBench(InferenceOptions(router=RouterOptions(**router)))  # type: ignore[arg-type]
    bench.models.add("arm", fallback="default")
    bench.models.add("n", feature_set="other", fallback="default")
    bench.activate("s", bench.models.add("m", fallback="last"))
    bench.activate("t", bench.models.add("k", feature_set="other"))
    return bench


@given(steps=st.lists(step, min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_every_bar_comes_out_as_recorded(steps: list[Any]) -> None:
    bench, now = benched(), 0
    for kind, *args in steps:
        if kind == "bar":
            now += args[0]
            first, second = bench.writer.bar(T0 + now * SECOND, args[1], sets=(SET, "other"))
            other = ChainWriter().bar(T0 + now * SECOND, args[2])[0]
            columns = ("symbols", "values", "valid", "close", "available_time")
            bench.take(first, replace(second, **{name: getattr(other, name) for name in columns}))
            for symbol in SYMBOLS:
                moment = bench.moment(symbol, T0 + now * SECOND)
                if moment.vectors:
                    assert differences(bench, moment) == []
        elif kind == "control":
            (action, fields), ahead = args
            at = T0 + (now + ahead) * SECOND if ahead else 0
            bench.take(bench.writer.control(action, effective_from=at, **fields))
        else:
            for one in bench.models.models.values():
                one.silent = args[0]


def a_moment() -> tuple[ExplainedBench, Moment]:
    bench = benched()
    bench.bar(0, {"A": (0.9, 0.8), "B": (0.2, 0.7)}, sets=(SET, "other"))
    bench.bar(1, {"A": (0.9, 0.8)}, sets=(SET, "other"))
    bench.bar(2, {"A": (-0.9, 0.7)}, sets=(SET, "other"))
    moment = bench.moment("A", T0 + 2 * SECOND)
    assert differences(bench, moment) == []
    return bench, moment


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"score": 0.25}, ("score", "score")),
        ({"confidence": 0.1}, ("score", "confidence")),
        ({"direction": "long"}, ("decision", "direction")),
        ({"outcome": "suppressed"}, ("router", "outcome")),
    ],
)
def test_a_changed_row_is_named(change: dict[str, Any], expected: tuple[str, str]) -> None:
    bench, moment = a_moment()
    changed = replace(moment.rows[0], **change)
    found = in_order(differences(bench, replace(moment, rows=(changed, *moment.rows[1:]))))
    assert [(one.stage, one.name) for one in found] == [expected]
    assert "recorded → computed" in str(found[0])


def test_a_changed_hash_a_missing_row_and_a_missing_signal_are_named() -> None:
    bench, moment = a_moment()
    other = replace(moment.calls[0], sha256="other")
    (found,) = differences(bench, replace(moment, calls=(other, *moment.calls[1:])))
    assert (found.stage, found.name, found.recorded) == ("model", "sha256", "other")
    (found,) = differences(bench, replace(moment, rows=moment.rows[1:]))
    assert (found.where, found.name) == ("s live m:1", "(the prediction)")
    (found,) = differences(bench, replace(moment, signal=None))
    assert (found.stage, found.name) == ("signal", "(the signal)")


def test_an_emission_that_is_not_known_any_more_changes_the_outcome() -> None:
    bench = benched()
    bench.bar(0, {"A": (0.9, 0.8)})
    bench.bar(1, {"A": (0.9, 0.8)})
    moment = bench.moment("A", T0 + SECOND)
    assert moment.rows[0].outcome == "suppressed"
    assert differences(bench, moment) == []
    assert {one.stage for one in differences(bench, replace(moment, before=None))} == {"router", "signal"}


def test_tolerance_is_for_floats_of_another_arithmetic_only() -> None:
    assert SCORES.same(1.0, 1.0 + 1e-6)
    assert not SCORES.same(1.0, 1.001)
    assert not SCORES.same(1.0, None)
    assert bits(0.0) != bits(-0.0)
