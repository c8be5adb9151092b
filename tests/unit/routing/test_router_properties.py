"""Invariants of the router under any sequence of bars, models, batches and restarts."""

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.routing.options import InferenceOptions, RouterOptions
from pipeline.routing.partition import Output, PartitionInference
from pipeline.routing.router_state import RouterState
from schemas.features import FeatureBatch
from schemas.intervals import SECOND
from schemas.predictions import DIRECTIONS, OUTCOMES, PredictionBatch
from schemas.signals import Signal
from tests.support.feature_chain import SET, T0, Bench, KnownModels

SYMBOLS = ("A", "B", "C", "D")
row = st.tuples(st.sampled_from([-0.9, -0.5, 0.0, 0.4, 0.5, 0.9]), st.sampled_from([0.0, 0.2, 0.5, 0.8]))


@dataclass(frozen=True)
class Bar:
    """Seconds since the bar before, and rows for each of two models."""

    gap: int
    first: dict[str, tuple[float, float]]
    second: dict[str, tuple[float, float]] = field(default_factory=dict)


rows = st.dictionaries(st.sampled_from(SYMBOLS), row, min_size=1)
bars = st.lists(st.builds(Bar, gap=st.integers(1, 7), first=rows, second=rows), min_size=1, max_size=25)
modes = st.sampled_from(["every_bar", "on_change"])


def bench_of(mode: str, models: int, *, experiment: bool = False) -> Bench:
    router = RouterOptions(emit=mode)

    def make(known: KnownModels) -> PartitionInference:
        return PartitionInference(partition=0, models=known, options=InferenceOptions(router=router))

    bench = Bench(make=make)
    for number in range(models):
        ref = bench.models.add(f"m{number}", feature_set=(SET, "other")[number])
        bench.activate(f"s{number}", ref)
    if experiment:
        arm = bench.models.add("arm")
        terms = {"experiment": "x", "ratio": 0.5}  # A and D are the control's, B and C the arm's
        bench.take(bench.writer.control("experiment", strategy="s0", model=arm.name, model_version=1, parameters=terms))
    return bench


def parts_of(bench: Bench, bar: Bar, at: int) -> list[FeatureBatch]:
    first, second = bench.writer.bar(T0 + at * SECOND, bar.first, sets=(SET, "other"))
    n = len(bar.second)
    second = replace(
        second, symbols=tuple(bar.second), values=np.array(list(bar.second.values())),
        valid=np.ones((n, 2), dtype=bool),
        close=np.full(n, 100.0), available_time=np.full(n, second.event_time),
    )  # fmt: skip
    return [first, second]


def decided(output: Output) -> dict[str, str]:
    """Merged direction of each symbol that has an outcome, from the signals or from the recorded lead rows."""
    batches = [item for item in output.predictions if isinstance(item, PredictionBatch)]
    stated: dict[str, list[tuple[float, float, str]]] = {}
    for batch in batches:
        for number, symbol in enumerate(batch.symbols):
            assert OUTCOMES[batch.outcome[number]] in ("emitted", "suppressed", "merged", "unchanged")
            direction = DIRECTIONS[batch.direction[number]]
            stated.setdefault(symbol, []).append((batch.score[number], batch.confidence[number], direction))
    return {symbol: majority(claims) for symbol, claims in stated.items()}


def majority(claims: list[tuple[float, float, str]]) -> str:
    """The merge rule, written again in plain Python."""
    weights = [confidence for _, confidence, _ in claims]
    if sum(weights) == 0:
        weights = [1.0] * len(claims)
    for name in DIRECTIONS:
        held = sum(weight for weight, claim in zip(weights, claims, strict=True) if claim[2] == name)
        if 3.0 * held > 2.0 * sum(weights):
            return name
    return "flat"


@given(sequence=bars, mode=modes, models=st.integers(1, 2), experiment=st.booleans())
@settings(max_examples=150, deadline=None)
def test_last_emitted_direction_is_the_decided_one(
    sequence: list[Bar], mode: str, models: int, experiment: bool
) -> None:
    """After each event time, and no symbol gets the same direction twice within one window."""
    bench = bench_of(mode, models, experiment=experiment)
    last: dict[str, tuple[str, int]] = {}
    at = 0
    for bar in sequence:
        at += bar.gap
        output = bench.take(*parts_of(bench, bar, at))
        for signal in output.signals:
            assert isinstance(signal, Signal)
            before = last.get(signal.symbol)
            if before is not None and before[0] == signal.signal:
                assert mode == "every_bar"
                assert at - before[1] >= 5
            last[signal.symbol] = (signal.signal, at)
        for symbol, direction in decided(output).items():
            assert last[symbol][0] == direction


@given(
    sequence=bars, mode=modes, models=st.integers(1, 2), experiment=st.booleans(), stop=st.integers(0, 24),
    keep=st.integers(0, 24),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_restart_does_not_matter(
    sequence: list[Bar], mode: str, models: int, experiment: bool, stop: int, keep: int
) -> None:
    """Restored from the snapshot after bar ``keep`` and the batches up to ``stop``, it goes on as if never stopped."""
    bench, other = (bench_of(mode, models, experiment=experiment) for _ in range(2))
    keep, stop = sorted((keep % len(sequence), stop % len(sequence)))
    kept, at = None, 0
    recorded: list[list[PredictionBatch]] = []
    for number, bar in enumerate(sequence):
        at += bar.gap
        expected, got = bench.take(*parts_of(bench, bar, at)), other.take(*parts_of(other, bar, at))
        assert got.signals == expected.signals
        if kept is not None:
            recorded.append([batch for batch in got.predictions if isinstance(batch, PredictionBatch)])
        if number == keep:
            kept = other.inference.snapshot().state
        if number == stop and kept is not None:
            state = RouterState.restore(kept)
            for batches in recorded:
                state.replay(batches)
            old = other.inference
            other.inference = PartitionInference(
                partition=0,
                models=old.models,
                options=old.options,
                standing=old.standing,
                control=old.control,
                state=state,
            )
            assert _dedup(state) == _dedup(bench.inference.state)


def _dedup(state: RouterState) -> dict[str, dict[str, tuple[int, int]]]:
    return {
        interval: {
            symbol: (int(table.direction[number]), int(table.event_time[number]))
            for number, symbol in enumerate(state.symbols.symbols[: len(table.direction)])
            if table.direction[number] != 255
        }
        for interval, table in state.router.tables.items()
    }


@given(
    sequence=st.lists(
        st.tuples(st.integers(1, 7), st.dictionaries(st.sampled_from(SYMBOLS), row, min_size=1)), max_size=12
    ),
    experiment=st.booleans(),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_batching_does_not_matter(
    sequence: list[tuple[int, dict[str, tuple[float, float]]]], experiment: bool, data: st.DataObject
) -> None:
    """A cross-section in one message or in several gives the same signals, but for numbering and source offset.

    Within one message those of an experiment's arm come after the control's.
    """
    whole, split = (bench_of("every_bar", 1, experiment=experiment) for _ in range(2))
    at = 0
    for gap, cross_section in sequence:
        at += gap
        expected = whole.bar(at, cross_section).signals
        items = list(cross_section.items())
        got: list[object] = []
        while items:
            size = data.draw(st.integers(1, len(items)))
            got += split.bar(at, dict(items[:size])).signals
            items = items[size:]
        contents = [[_content(s) for s in told] for told in (got, expected)]
        if experiment:
            contents = [sorted(told, key=lambda one: one.symbol) for told in contents]
        assert contents[0] == contents[1]


def _content(signal: object) -> Signal:
    assert isinstance(signal, Signal)
    return replace(signal, seq=0, source=(0, 0))
